"""The last 24 hours in figures: one set per group of teams, remembered for some seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db.models import Avg, Count, F, OrderBy, Q, QuerySet, Window
from django.db.models.functions import RowNumber, TruncHour
from django.utils import timezone

from workers.pages.badges import Tone
from workers.pages.charts import Chart, Series
from workflows import access
from workflows.models import FAILED_STATES, TERMINAL_STATES, Run, RunState

_REMEMBERED_SECONDS = 15
_HOURS = 24
_SHOWN = 5
_GROUPS: tuple[tuple[str, Tone, tuple[RunState, ...]], ...] = (
    ("Completed", "good", (RunState.COMPLETED,)),
    ("Failed", "bad", FAILED_STATES),
    ("Cancelled", "idle", (RunState.CANCELLED,)),
    ("Not ended", "busy", tuple(state for state in RunState if state not in TERMINAL_STATES)),
)


@dataclass(frozen=True, slots=True)
class WorkflowFigure:
    """A workflow that stands out: ``runs`` in all, ``failed`` of them, seconds on average."""

    id: UUID
    name: str
    runs: int
    failed: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Today:
    """``success_percent`` is of the runs that completed or failed; None without any."""

    chart: Chart
    runs: int
    failed: int
    success_percent: float | None
    failing: tuple[WorkflowFigure, ...]
    slowest: tuple[WorkflowFigure, ...]


def today(viewer: Any) -> Today:
    key = f"today:{access.teams_key(viewer)}"
    known: Today | None = cache.get(key)
    if known is None:
        known = _count(viewer, timezone.now())
        cache.set(key, known, _REMEMBERED_SECONDS)
    return known


def _count(viewer: Any, now: datetime) -> Today:
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=_HOURS - 1)
    runs = access.scope(viewer, Run.objects.filter(created_at__gte=first, created_at__lte=now))
    hourly = _hourly(runs.order_by())
    by_state = Counter[str]()
    for (_, state), number in hourly.items():
        by_state[state] += number
    failed, completed = (
        sum(by_state[state] for state in FAILED_STATES),
        by_state[RunState.COMPLETED],
    )
    return Today(
        chart=_chart(hourly, [first + timedelta(hours=n) for n in range(_HOURS)]),
        runs=by_state.total(),
        failed=failed,
        success_percent=100 * completed / (completed + failed) if completed + failed else None,
        **_outstanding(runs.order_by()),
    )


def _hourly(runs: QuerySet[Run]) -> Mapping[tuple[datetime, str], int]:
    rows = runs.values_list(TruncHour("created_at"), "state").annotate(number=Count("pk"))
    return {(at, state): number for at, state, number in rows}


def _chart(hourly: Mapping[tuple[datetime, str], int], moments: list[datetime]) -> Chart:
    def values(states: Iterable[str]) -> tuple[float, ...]:
        return tuple(sum(hourly.get((at, state), 0) for state in states) for at in moments)

    series = tuple(Series(label, tone, values(states)) for label, tone, states in _GROUPS)
    shown = tuple(one for one in series if any(one.values))
    return Chart("Runs per hour by state", tuple(moments), shown, step_minutes=60)


def _outstanding(runs: QuerySet[Run]) -> dict[str, tuple[WorkflowFigure, ...]]:
    """Which workflows failed most often, and which took longest; in one pass over the runs."""
    rows = runs.values("workflow_id", "workflow__name").annotate(
        runs=Count("pk"),
        failed=Count("pk", filter=Q(state__in=FAILED_STATES)),
        time=Avg(F("ended_at") - F("started_at"), filter=Q(state=RunState.COMPLETED)),
    )
    ranked = rows.annotate(
        nth_failing=_place(F("failed").desc()), nth_slowest=_place(F("time").desc(nulls_last=True))
    )
    found = list(ranked.filter(Q(nth_failing__lte=_SHOWN) | Q(nth_slowest__lte=_SHOWN)))
    return {
        "failing": _first(found, "nth_failing", lambda row: row["failed"]),
        "slowest": _first(found, "nth_slowest", lambda row: row["time"]),
    }


def _place(order: OrderBy) -> Window:
    return Window(RowNumber(), order_by=[order, F("workflow__name").asc()])


def _first(
    rows: Sequence[Mapping[str, Any]], place: str, counts: Callable[[Mapping[str, Any]], object]
) -> tuple[WorkflowFigure, ...]:
    """Those that are among the first and count at all."""
    chosen = [row for row in rows if row[place] <= _SHOWN and counts(row)]
    return tuple(_figure(row) for row in sorted(chosen, key=itemgetter(place)))


def _figure(row: Mapping[str, Any]) -> WorkflowFigure:
    return WorkflowFigure(
        id=row["workflow_id"],
        name=row["workflow__name"],
        runs=row["runs"],
        failed=row["failed"],
        seconds=row["time"].total_seconds() if row["time"] else None,
    )
