"""When a workflow runs next, as far as its own schedules tell."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from django.utils import timezone

from workers.pages.badges import PAUSED
from workers.pages.formats import NOTHING, moment
from workflows.models import Schedule, Workflow


def next_start(schedules: Iterable[Schedule], now: datetime) -> datetime | None:
    """The earliest known start; an interval's phase is Prefect's, so it tells none."""
    starts = [_start(schedule, now) for schedule in schedules if schedule.is_active]
    return min((start for start in starts if start), default=None)


def _start(schedule: Schedule, now: datetime) -> datetime | None:
    if schedule.run_at is not None:
        return schedule.run_at if schedule.run_at > now else None
    if not schedule.cron:
        return None
    try:
        return next(CronSim(schedule.cron, now.astimezone(ZoneInfo(schedule.timezone))), None)
    except (CronSimError, KeyError):
        return None


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
