"""Whether a pool should be larger or smaller, from what its samples say; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Samples are taken every 30 seconds: fewer than an hour of them says nothing yet.
SAMPLES_AT_LEAST = 120
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


def recommend(history: PoolHistory) -> Recommendation:
    """The one thing to do about a pool, the most urgent first."""
    figures = _figures(history)
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
    needed = history.peak_active + 1
    if history.peak_active <= _IDLE_BELOW * history.limit and needed < history.limit:
        text = f"Scale down to {_slots(needed)}: {history.peak_active} at most were taken."
        return Recommendation("scale_down", text, figures)
    return Recommendation("keep", f"Keep {_slots(history.limit)}: that fits the load.", figures)


def _slots(number: int) -> str:
    return f"{number} slot{'' if number == 1 else 's'}"


def _figures(history: PoolHistory) -> str:
    return (
        f"{100 * history.mean_active / history.limit:.0f} % of slots taken on average, "
        f"{history.peak_active} of {history.limit} at most, up to {history.peak_queued} queued; "
        f"full with runs waiting {100 * history.full_share:.1f} % of the time, "
        f"without a worker for them {100 * history.unserved_share:.1f} %"
    )
