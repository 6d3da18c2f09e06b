"""The last 24 hours of pools, small enough for a list: a bar for each half hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Max
from django.utils import timezone

from workers.models import Pool, PoolSample
from workers.pages.history import binned, floor

_STEP = timedelta(minutes=30)
_STEPS = 48
_REMEMBERED_SECONDS = 30
#: Of the drawing: each bar is as wide as the gap after it.
_BAR, _HEIGHT = 4, 28


@dataclass(frozen=True, slots=True)
class Sparkline:
    """``shares`` = the most slots that were taken in each step, of all; None = no sample."""

    first: datetime
    shares: tuple[float | None, ...]

    @property
    def width(self) -> int:
        return _BAR * len(self.shares)

    @property
    def height(self) -> int:
        return _HEIGHT

    @property
    def path(self) -> str:
        """For an SVG path whose stroke is as wide as a bar; a step without load is a dot."""
        bars = enumerate(self.shares)
        return "".join(
            f"M{_BAR * place + 1} {_HEIGHT}v-{max(1, round(_HEIGHT * share))}"
            for place, share in bars
            if share is not None
        )

    @property
    def words(self) -> str:
        known = [(share, -place) for place, share in enumerate(self.shares) if share is not None]
        if not known:
            return "No sample in 24 hours"
        highest, place = max(known)
        at = timezone.localtime(self.first - place * _STEP)
        return f"24 hours: at most {100 * highest:.0f} % of the slots taken, at {at:%H:%M}"


def last_day(pools: Sequence[Pool]) -> Mapping[int, Sparkline]:
    """Pool id → its day, in one query that is remembered for as long as samples are apart."""
    ids = sorted(pool.pk for pool in pools)
    key = f"pools-day:{','.join(map(str, ids))}"
    first = floor(timezone.now(), _STEP) - (_STEPS - 1) * _STEP
    taken: dict[tuple[int, datetime], int] | None = cache.get(key)
    if taken is None:
        taken = {(row["pool"], row["at"]): row["taken"] for row in _rows(ids, first)}
        cache.set(key, taken, _REMEMBERED_SECONDS)
    return {pool.pk: _line(pool, taken, first) for pool in pools}


def _rows(ids: list[int], first: datetime) -> Any:
    samples = PoolSample.objects.filter(pool__in=ids, taken_at__gte=first).order_by()
    return samples.values("pool", at=binned(_STEP)).annotate(taken=Max("active"))


def _line(pool: Pool, taken: Mapping[tuple[int, datetime], int], first: datetime) -> Sparkline:
    most = [taken.get((pool.pk, first + n * _STEP)) for n in range(_STEPS)]
    limit = pool.concurrency_limit
    return Sparkline(first, tuple(None if one is None else min(1, one / limit) for one in most))
