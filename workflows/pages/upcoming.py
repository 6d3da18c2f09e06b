"""When workflows run next, as far as their own schedules tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from django.core.cache import cache
from django.db.models import Q, QuerySet
from django.utils import timezone

from workers.pages.badges import PAUSED
from workers.pages.formats import NOTHING, moment
from workers.prefect.wire import INTERVAL_ORIGIN
from workflows import access
from workflows.models import Schedule, Workflow

_REMEMBERED_SECONDS = 30
#: Different rules looked at; installations have some dozens.
_RULES_AT_MOST = 2_000
#: Many schedules may fire at one moment: this many are looked at for each line shown.
_ROWS_PER_START = 20


@dataclass(frozen=True, slots=True)
class NextStart:
    """``there`` = the clock in the schedule's zone, with its name."""

    workflow_id: UUID
    workflow: str
    at: datetime
    there: str


def next_starts(viewer: Any, number: int) -> list[NextStart]:
    """The soonest starts of the viewer's workflows; each rule is worked out once for all."""
    key = f"next:{access.teams_key(viewer)}:{number}"
    known: list[NextStart] | None = cache.get(key)
    now = timezone.now()
    if known is None or any(start.at < now for start in known):
        known = _soonest(_active(viewer), now, number)
        cache.set(key, known, _REMEMBERED_SECONDS)
    return known


def _active(viewer: Any) -> QuerySet[Schedule]:
    rows = access.scope(viewer, Schedule.objects.filter(is_active=True)).order_by()
    return rows.filter(workflow__is_enabled=True, workflow__is_paused=False)


def _soonest(schedules: QuerySet[Schedule], now: datetime, number: int) -> list[NextStart]:
    repeated = schedules.filter(run_at=None).values_list("cron", "interval", "timezone").distinct()
    starts = {
        rule: at for rule in repeated[:_RULES_AT_MOST] if (at := next(fire_times(*rule, now), None))
    }
    wanted = Q(run_at__gt=now)
    for cron, interval, zone in sorted(starts, key=starts.__getitem__)[:number]:
        wanted |= Q(cron=cron, interval=interval, timezone=zone)
    found = schedules.filter(wanted).select_related("workflow").order_by("run_at", "pk")
    lines = [
        _line(row, row.run_at or starts[row.cron, row.interval, row.timezone])
        for row in found[: _ROWS_PER_START * number]
    ]
    return sorted(lines, key=lambda line: (line.at, line.workflow))[:number]


def _line(schedule: Schedule, at: datetime) -> NextStart:
    there = f"{at.astimezone(ZoneInfo(schedule.timezone)):%H:%M} {schedule.timezone}"
    return NextStart(schedule.workflow_id, schedule.workflow.name, at, there)


def fire_times(
    cron: str, interval: timedelta | None, zone: str, after: datetime
) -> Iterator[datetime]:
    """When a schedule fires in its zone, for ever; nothing where it is no schedule."""
    try:
        local = after.astimezone(ZoneInfo(zone))
        yield from CronSim(cron, local) if cron else _beats(interval, local)
    except (CronSimError, KeyError, OverflowError):
        return


def _beats(interval: timedelta | None, after: datetime) -> Iterator[datetime]:
    """Counted from the origin that Prefect is told: whole days by the clock on the wall."""
    if not interval:
        return
    origin = datetime.fromisoformat(INTERVAL_ORIGIN).replace(tzinfo=after.tzinfo)
    by_the_clock = interval >= timedelta(days=1)
    if not by_the_clock:
        origin = origin.astimezone(UTC)
    passed = (
        (after.replace(tzinfo=None) - origin.replace(tzinfo=None))
        if by_the_clock
        else (after - origin)
    )
    for step in count(passed // interval + 1):
        yield origin + step * interval


def next_five(schedule: Schedule, now: datetime) -> list[datetime]:
    if schedule.run_at is not None:
        return [schedule.run_at] if schedule.run_at > now else []
    times = fire_times(schedule.cron, schedule.interval, schedule.timezone, now)
    return list(islice(times, 5))


def next_start(schedules: Iterable[Schedule], now: datetime) -> datetime | None:
    """The earliest start."""
    starts = [_start(schedule, now) for schedule in schedules if schedule.is_active]
    return min((start for start in starts if start), default=None)


def _start(schedule: Schedule, now: datetime) -> datetime | None:
    return next(iter(next_five(schedule, now)), None)


def next_words(workflow: Workflow) -> str:
    """Paused, the next start, the rule where no start is known, or nothing."""
    schedules = [schedule for schedule in workflow.schedules.all() if schedule.is_active]
    if not workflow.is_enabled:
        return NOTHING
    if workflow.is_paused:
        return str(PAUSED)
    if start := next_start(schedules, timezone.now()):
        return moment(start)
    return schedules[0].rule if schedules and not schedules[0].run_at else "on demand"
