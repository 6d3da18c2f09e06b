"""Whether a pool should be larger or smaller, from what its samples say; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

_SAMPLES_PER_HOUR = 120
#: One is taken every 30 seconds: fewer than an hour of them says nothing yet.
SAMPLES_AT_LEAST = _SAMPLES_PER_HOUR
#: Slots that a night or a quiet day did not need may be needed tomorrow.
SAMPLES_FOR_LESS = 72 * _SAMPLES_PER_HOUR
#: Shares of the samples from which on something should be done.
_UNSERVED_TOO_OFTEN = 0.02
_FULL_TOO_OFTEN = 0.05
#: A pool that never needed more than this share of its slots has too many.
_IDLE_BELOW = 0.5


@dataclass(frozen=True, slots=True)
class PoolHistory:
    """What a pool did over a time; shares are of its samples, from 0 to 1.

    ``full_share`` = every slot taken and something queued; ``unserved_share`` = something
    queued and no worker online.
    """

    limit: int
    samples: int
    mean_active: float
    peak_active: int
    peak_queued: int
    full_share: float
    unserved_share: float


@dataclass(frozen=True, slots=True)
class Recommendation:
    """``text`` says what to do, ``figures`` why."""

    act: Literal["start_workers", "scale_up", "scale_down", "keep", "wait"]
    text: str
    figures: str


def recommend(history: PoolHistory, week: PoolHistory, workers_online: int) -> Recommendation:
    """The one thing to do about a pool, the most urgent first.

    ``history`` is of the last 24 hours, ``week`` of 7 days: more is advised after a bad day,
    less only when days did not need it.
    """
    figures = _figures(history)
    if not workers_online:
        text = "Start a worker: none is online, and no run starts without one."
        return Recommendation("start_workers", text, figures)
    if history.samples < SAMPLES_AT_LEAST:
        text = f"Nothing yet: {history.samples} of {SAMPLES_AT_LEAST} samples needed are there."
        return Recommendation("wait", text, figures)
    if history.unserved_share > _UNSERVED_TOO_OFTEN:
        text = "Keep a worker running: runs waited while none was online."
        return Recommendation("start_workers", text, figures)
    if history.full_share > _FULL_TOO_OFTEN:
        more = min(history.peak_queued, max(1, history.limit))
        text = f"Scale up to {_slots(history.limit + more)}: runs waited because all were taken."
        return Recommendation("scale_up", text, figures)
    return _less(week, figures)


def _less(week: PoolHistory, figures: str) -> Recommendation:
    needed, keep = week.peak_active + 1, f"Keep {_slots(week.limit)}"
    if week.peak_active > _IDLE_BELOW * week.limit or needed >= week.limit:
        return Recommendation("keep", f"{keep}: that fits the load.", figures)
    taken = f"{week.peak_active} at most were taken in {_hours(week.samples)}"
    if missing := max(0, SAMPLES_FOR_LESS - week.samples):
        text = (
            f"{keep} for now: {taken}, but fewer are advised after {_hours(SAMPLES_FOR_LESS)} only"
        )
        return Recommendation("keep", f"{text}; {_hours(missing)} are missing.", figures)
    return Recommendation("scale_down", f"Scale down to {_slots(needed)}: {taken}.", figures)


def _hours(samples: int) -> str:
    """``18 hours`` of samples, ``40 minutes`` below two hours."""
    minutes = round(60 * samples / _SAMPLES_PER_HOUR)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"


def _slots(number: int) -> str:
    return f"{number} slot{'' if number == 1 else 's'}"


def _figures(history: PoolHistory) -> str:
    return (
        f"{100 * history.mean_active / history.limit:.0f} % of slots taken on average, "
        f"{history.peak_active} of {history.limit} at most, up to {history.peak_queued} queued; "
        f"full with runs waiting {100 * history.full_share:.1f} % of the time, "
        f"without a worker for them {100 * history.unserved_share:.1f} %"
    )
