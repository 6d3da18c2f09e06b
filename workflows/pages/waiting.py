"""Why runs wait, as the pages say it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone

from workflows.models import Run
from workflows.services.waiting import Waiting, may_wait, occupancy, waiting


@dataclass(frozen=True, slots=True)
class Holder:
    """A run that is in the way."""

    id: UUID
    words: str


@dataclass(frozen=True, slots=True)
class WaitingNote:
    """``others`` = holders that the viewer may not see.

    ``clocks`` = the start in the zones of the workflow's schedules.
    """

    text: str
    holders: tuple[Holder, ...] = ()
    others: int = 0
    clocks: tuple[str, ...] = ()
    #: Id of the pool that is to blame, if one is.
    pool: int | None = None


def waiting_of(runs: Iterable[Run]) -> dict[UUID, Waiting]:
    """Run → why it waits, for those that do; costs no query when none does."""
    rows = [run for run in runs if may_wait(run)]
    if not rows:
        return {}
    seen, now = occupancy(), timezone.now()
    return {run.pk: why for run in rows if (why := waiting(run, seen, now))}


def waiting_note(run: Run, viewer: Any) -> WaitingNote | None:
    why = waiting_of([run]).get(run.pk)
    if why is None:
        return None
    known = why.holders_seen_by(viewer)
    return WaitingNote(
        text=why.text,
        holders=tuple(Holder(one.pk, f"{one} of {one.workflow.name}") for one in known),
        others=len(why.holders) - len(known),
        clocks=_clocks(run, why),
        pool=why.pool,
    )


def _clocks(run: Run, why: Waiting) -> tuple[str, ...]:
    """The start in the zones of the workflow's schedules, where they are not the viewer's."""
    if why.until is None:
        return ()
    zones = run.workflow.schedules.filter(is_active=True).values_list("timezone", flat=True)
    local = timezone.localtime(why.until)
    there = [(zone, why.until.astimezone(ZoneInfo(zone))) for zone in sorted(set(zones))]
    return tuple(
        f"{at:%Y-%m-%d %H:%M} {zone}" for zone, at in there if at.utcoffset() != local.utcoffset()
    )
