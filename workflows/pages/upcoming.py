"""When workflows run next, as far as their own schedules tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from django.core.cache import cache
from django.db.models import Q, QuerySet
from django.utils import timezone

from workers.pages.badges import PAUSED
from workers.pages.formats import NOTHING, moment
from workflows import access
from workflows.models import Schedule, Workflow

_REMEMBERED_SECONDS = 30
#: Different cron expressions looked at; installations have some dozens.
_RULES_AT_MOST = 2_000


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
    rules = schedules.exclude(cron="").values_list("cron", "timezone").distinct()
    starts = {
        rule: at for rule in rules[:_RULES_AT_MOST] if (at := next(fire_times(*rule, now), None))
    }
    soonest = sorted(starts, key=starts.__getitem__)[:number]
    wanted = Q(run_at__gt=now, run_at__lte=max(map(starts.__getitem__, soonest), default=None))
    if len(soonest) < number:
        wanted = Q(run_at__gt=now)
    for cron, zone in soonest:
        wanted |= Q(cron=cron, timezone=zone)
    found = schedules.filter(wanted).select_related("workflow")[: 10 * number]
    lines = [_line(row, row.run_at or starts[row.cron, row.timezone]) for row in found]
    return sorted(lines, key=lambda line: (line.at, line.workflow))[:number]


def _line(schedule: Schedule, at: datetime) -> NextStart:
    there = f"{at.astimezone(ZoneInfo(schedule.timezone)):%H:%M} {schedule.timezone}"
    return NextStart(schedule.workflow_id, schedule.workflow.name, at, there)


def fire_times(cron: str, zone: str, after: datetime) -> Iterator[datetime]:
    """When a cron expression fires, in its zone; nothing where it is none."""
    try:
        yield from CronSim(cron, after.astimezone(ZoneInfo(zone)))
    except (CronSimError, KeyError):
        return


def next_five(schedule: Schedule, last: datetime | None, now: datetime) -> list[datetime]:
    """The next starts. ``last`` = when it fired last: an interval counts from there."""
    if schedule.run_at is not None:
        return [schedule.run_at] if schedule.run_at > now else []
    if schedule.cron:
        return list(islice(fire_times(schedule.cron, schedule.timezone, now), 5))
    if schedule.interval is None or last is None:
        return []
    passed = max(0, (now - last) // schedule.interval)
    return [last + (passed + step) * schedule.interval for step in range(1, 6)]


def next_start(schedules: Iterable[Schedule], now: datetime) -> datetime | None:
    """The earliest known start; an interval's phase is Prefect's, so it tells none."""
    starts = [_start(schedule, now) for schedule in schedules if schedule.is_active]
    return min((start for start in starts if start), default=None)


def _start(schedule: Schedule, now: datetime) -> datetime | None:
    if schedule.run_at is not None:
        return schedule.run_at if schedule.run_at > now else None
    return next(fire_times(schedule.cron, schedule.timezone, now), None) if schedule.cron else None


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
