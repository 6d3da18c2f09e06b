"""What a pool's samples tell: charts of slots and queue, and what to make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import DateTimeField, F, Func, Max, Value
from django.utils import timezone

from workers.advising import advice_on
from workers.models import Pool, PoolSample
from workers.pages.charts import Chart, Series
from workers.recommending import Recommendation

_REMEMBERED_SECONDS = 30
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_DAY_STEP, _WEEK_STEP = timedelta(minutes=15), timedelta(hours=2)
#: Steps are counted from here.
_ORIGIN = datetime(2001, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PoolPast:
    """``advice`` is about the last 24 hours; to have less, about 7 days."""

    day: Chart
    week: Chart
    advice: Recommendation


def pool_past(pool: Pool) -> PoolPast:
    """Remembered for half a minute, which is how often samples are taken."""
    key = f"pool-past:{pool.pk}:{pool.concurrency_limit}"
    known: PoolPast | None = cache.get(key)
    if known is None:
        now = timezone.now()
        known = PoolPast(
            day=_chart(pool, "Slots and queue over 24 hours", now, _DAY, _DAY_STEP),
            week=_chart(pool, "Slots and queue over 7 days", now, _WEEK, _WEEK_STEP),
            advice=advice_on(pool, pool.workers.filter(is_online=True).count()),
        )
        cache.set(key, known, _REMEMBERED_SECONDS)
    return known


def _chart(pool: Pool, title: str, now: datetime, length: timedelta, step: timedelta) -> Chart:
    """The highest of each step: a queue that came and went is still seen."""
    first = floor(now - length, step) + step
    moments = tuple(first + n * step for n in range(length // step))
    found = {row["at"]: row for row in _steps(pool, first, step)}

    def values(name: str) -> tuple[float | None, ...]:
        return tuple(found[at][name] if at in found else None for at in moments)

    series: Sequence[Series] = (
        Series("Slots taken", "busy", values("taken"), "line"),
        Series("Queued", "warn", values("waiting"), "line"),
    )
    minutes = step // timedelta(minutes=1)
    return Chart(title, moments, tuple(series), minutes, limit=pool.concurrency_limit)


def _steps(pool: Pool, since: datetime, step: timedelta) -> Any:
    samples = PoolSample.objects.filter(pool=pool, taken_at__gte=since).order_by()
    return (
        samples.annotate(at=binned(step))
        .values("at")
        .annotate(taken=Max("active"), waiting=Max("queued"))
    )


def binned(step: timedelta) -> Func:
    """The beginning of the step in which a sample was taken, as ``floor`` counts."""
    arguments = (Value(step), F("taken_at"), Value(_ORIGIN))
    return Func(*arguments, function="date_bin", output_field=DateTimeField())


def floor(at: datetime, step: timedelta) -> datetime:
    return _ORIGIN + (at - _ORIGIN) // step * step
