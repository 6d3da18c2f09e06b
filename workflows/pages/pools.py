"""Who holds a pool's slots, who waits for one, and how its runs went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db.models import Aggregate, Count, Expression, F, FloatField, Func, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from workers import signs
from workers.models import Pool, WorkerSeen
from workers.pages.badges import OFFLINE, ONLINE, Badge
from workers.pages.formats import NOTHING, duration, moment
from workers.pages.visible import pools_seen_by
from workflows.models import FAILED_STATES, OPEN_STATES, Run, RunState
from workflows.pages.badges import run_badge

_QUEUE_SHOWN = 10
_REMEMBERED_SECONDS = 15
_DAY = timedelta(days=1)
#: Asked about are runs of 90 s and more, every 30 s.
_ASKED_ABOUT_AFTER = timedelta(seconds=130)
_HOLDS_A_SLOT = (RunState.PENDING, RunState.RUNNING, RunState.CANCELLING)
_HEARD = Badge("good", "favorite", "Heard from")
_SILENT = Badge("warn", "heart_broken", "Silent for 90 s")


@dataclass(frozen=True, slots=True)
class SlotLine:
    """A run in a slot or in the queue; without a name when it is another team's."""

    id: UUID | None
    words: str
    badge: Badge
    since: str
    sign_of_life: Badge | None = None


@dataclass(frozen=True, slots=True)
class PoolFigures:
    """Of the runs of the last 24 hours."""

    runs: int
    per_hour: str
    success: str
    typical: str
    slow: str
    wait: str


class Percentile(Aggregate):
    """``Percentile(seconds, fraction=0.95)``: interpolated, over the rows of a group."""

    function = "percentile_cont"
    template = "%(function)s(%(fraction)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


@require_GET
@login_required
def pool_runs(request: HttpRequest, pool_id: int) -> HttpResponse:
    """Slots, queue, workers and figures, after the rest of the pool's page."""
    if not request.user.has_perm("workers.view_pool"):
        raise PermissionDenied
    pool = get_object_or_404(pools_seen_by(request.user), pk=pool_id)
    return render(request, "fragments/pool_runs.html", pool_now(pool, request.user))


def pool_now(pool: Pool, viewer: Any) -> dict[str, Any]:
    """What ``fragments/pool_runs.html`` shows."""
    slots = _slots(pool, viewer)
    return {
        "pool": pool,
        "slots": slots,
        "free": max(0, pool.concurrency_limit - len(slots)),
        **_queue(pool, viewer),
        "workers": [_worker(worker) for worker in pool.workers.all()],
        "figures": _figures(pool),
    }


def _slots(pool: Pool, viewer: Any) -> list[SlotLine]:
    rows = _open_runs(pool).filter(state__in=_HOLDS_A_SLOT).order_by("started_at")
    heard = signs.heard_lately()
    return [_line(run, viewer, _sign_of_life(run, heard)) for run in rows]


def _queue(pool: Pool, viewer: Any) -> dict[str, Any]:
    now = timezone.now()
    due = _open_runs(pool).filter(state=RunState.SCHEDULED)
    due = due.filter(Q(expected_at__lte=now) | Q(expected_at=None)).order_by("expected_at")
    first = due.first()
    oldest = (now - (first.expected_at or first.created_at)).total_seconds() if first else None
    return {
        "queued": due.count(),
        "oldest_wait": duration(oldest),
        "queue": [_line(run, viewer) for run in due[:_QUEUE_SHOWN]],
    }


def _open_runs(pool: Pool) -> Any:
    rows = Run.objects.filter(state__in=OPEN_STATES, pool=pool.name)
    return rows.select_related("workflow")


def _line(run: Run, viewer: Any, sign_of_life: Badge | None = None) -> SlotLine:
    is_known = viewer.has_perm("workflows.view_run", run)
    return SlotLine(
        id=run.pk if is_known else None,
        words=f"{run.workflow.name}, {run}" if is_known else "a run of another team",
        badge=run_badge(run.state),
        since=moment(run.started_at or run.expected_at or run.created_at),
        sign_of_life=sign_of_life,
    )


def _sign_of_life(run: Run, heard: frozenset[UUID] | None) -> Badge | None:
    """None where it cannot be told yet: Prefect is away, or the run began a moment ago."""
    if heard is None or run.state != RunState.RUNNING:
        return None
    if run.pk in heard:
        return _HEARD
    is_young = run.started_at is None or timezone.now() - run.started_at < _ASKED_ABOUT_AFTER
    return None if is_young else _SILENT


def _worker(worker: WorkerSeen) -> tuple[str, Badge, str]:
    badge = ONLINE if worker.is_online else OFFLINE
    return worker.name, badge, moment(worker.last_heartbeat_at)


def _figures(pool: Pool) -> PoolFigures:
    key = f"pool-figures:{pool.name}"
    known: PoolFigures | None = cache.get(key)
    if known is None:
        known = _count(pool)
        cache.set(key, known, _REMEMBERED_SECONDS)
    return known


def _count(pool: Pool) -> PoolFigures:
    time, wait = _seconds("ended_at", "started_at"), _seconds("started_at", "expected_at")
    runs = Run.objects.filter(pool=pool.name, created_at__gte=timezone.now() - _DAY).order_by()
    seen = runs.aggregate(
        runs=Count("pk"),
        good=Count("pk", filter=Q(state=RunState.COMPLETED)),
        bad=Count("pk", filter=Q(state__in=FAILED_STATES)),
        p50=Percentile(time, fraction=0.5),
        p95=Percentile(time, fraction=0.95),
        wait=Percentile(wait, fraction=0.95),
    )
    judged = seen["good"] + seen["bad"]
    return PoolFigures(
        runs=seen["runs"],
        per_hour=f"{seen['runs'] / 24:.1f}",
        success=f"{100 * seen['good'] / judged:.1f} %" if judged else NOTHING,
        typical=duration(seen["p50"]),
        slow=duration(seen["p95"]),
        wait=duration(max(0, seen["wait"]) if seen["wait"] is not None else None),
    )


def _seconds(until: str, since: str) -> Expression:
    return Func(
        F(until) - F(since),
        function="EXTRACT",
        template="EXTRACT(EPOCH FROM %(expressions)s)::float8",
        output_field=FloatField(),
    )
