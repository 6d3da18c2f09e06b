"""What no event announces: lateness, long runs, full pools, failing registrations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from workers.capacity import pools_for
from workers.models import Pool, PoolSample
from workflows.models import (
    AlertEvent,
    AlertRule,
    Registration,
    RegistrationOutbox,
    RegistrationState,
    Run,
    RunState,
    Workflow,
)
from workflows.services.alerting.noticing import slow
from workflows.services.alerting.telling import Happening, tell

#: A rule that is new does not tell what happened long ago.
_LOOKED_BACK = timedelta(days=1)
#: Pools are sampled every 30 seconds; some samples may be missing.
_LONGEST_GAP = timedelta(seconds=100)


def watch() -> int:
    """Look at everything that some rule asks about; returns the number of happenings seen."""
    now, seen = timezone.now(), 0
    for rule in AlertRule.objects.filter(is_active=True, event__in=_WATCHERS).select_related(
        "team"
    ):
        for happening in _WATCHERS[AlertEvent(rule.event)](rule, now):
            tell(rule, happening)
            seen += 1
    return seen


def _late(rule: AlertRule, now: datetime) -> Iterator[Happening]:
    due = now - timedelta(minutes=rule.minutes)
    waiting = (RunState.SCHEDULED, RunState.PENDING)
    late = _runs(rule).filter(state__in=waiting, expected_at__lt=due)
    for run in late.filter(expected_at__gt=now - _LOOKED_BACK):
        yield Happening(
            key=str(run.pk),
            cause=f"late:{run.workflow_id}",
            subject=f"'{run.workflow}' has not started",
            text=f"It was due at {run.expected_at:%Y-%m-%d %H:%M} UTC and waits in '{run.pool}'.",
            link=reverse("admin:workflows_run_change", args=[run.pk]),
        )


def _slow(rule: AlertRule, now: datetime) -> Iterator[Happening]:
    for run in _runs(rule).filter(state=RunState.RUNNING).exclude(started_at=None):
        assert run.started_at is not None
        found = slow(rule, run, (now - run.started_at).total_seconds())
        if found:
            yield found


def _saturated(rule: AlertRule, now: datetime) -> Iterator[Happening]:
    pools = pools_for(rule.team)
    for pool in pools.filter(pk=rule.pool_id) if rule.pool_id else pools:
        since = _full_since(pool, now)
        if since is None or now - since < timedelta(minutes=rule.minutes):
            continue
        yield Happening(
            key=f"{pool.pk}:{since.isoformat()}",
            cause=f"pool_saturated:{pool.name}",
            subject=f"pool '{pool}' is full",
            text=f"All {pool.concurrency_limit} slots are taken since {since:%Y-%m-%d %H:%M} UTC.",
            link=reverse("admin:workers_pool_change", args=[pool.pk]),
        )


def _full_since(pool: Pool, now: datetime) -> datetime | None:
    """The first of the samples that say without a break, up to now, that it is full."""
    since: datetime | None = None
    previous = now
    rows = PoolSample.objects.filter(pool=pool, taken_at__gt=now - _LOOKED_BACK)
    for taken_at, active in rows.values_list("taken_at", "active").order_by("-taken_at"):
        if active < pool.concurrency_limit or previous - taken_at > _LONGEST_GAP:
            break
        since = previous = taken_at
    return since


def _registration(rule: AlertRule, now: datetime) -> Iterator[Happening]:
    failing = Registration.objects.filter(
        state=RegistrationState.FAILED, workflow__in=_workflows(rule)
    ).select_related("workflow")
    generations = dict(
        RegistrationOutbox.objects.filter(pk__in=failing.values("pk")).values_list(
            "pk", "generation"
        )
    )
    for row in failing:
        yield Happening(
            key=f"{row.pk}:{generations.get(row.pk, 0)}",
            cause=f"registration_failing:{row.pk}",
            subject=f"'{row.workflow}' cannot be registered",
            text=row.reason,
            link=reverse("admin:workflows_workflow_change", args=[row.pk]),
        )


def _workflows(rule: AlertRule) -> QuerySet[Workflow]:
    own = Workflow.objects.filter(team_id=rule.team_id)
    return own.filter(pk=rule.workflow_id) if rule.workflow_id else own


def _runs(rule: AlertRule) -> QuerySet[Run]:
    return Run.objects.filter(workflow__in=_workflows(rule)).select_related("workflow")


_WATCHERS: dict[AlertEvent, Callable[[AlertRule, datetime], Iterator[Happening]]] = {
    AlertEvent.LATE: _late,
    AlertEvent.SLOW: _slow,
    AlertEvent.POOL_SATURATED: _saturated,
    AlertEvent.REGISTRATION_FAILING: _registration,
}
