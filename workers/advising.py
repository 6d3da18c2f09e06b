"""What to do about a pool, from its samples and the workers that it has now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, Max, Q
from django.utils import timezone

from workers.models import Pool, PoolSample
from workers.recommending import PoolHistory, Recommendation, recommend

_DAY, _WEEK = timedelta(days=1), timedelta(days=7)


def advice_on(pool: Pool, workers_online: int) -> Recommendation:
    """The same on every page and in the API, in two queries."""
    now = timezone.now()
    return recommend(history(pool, now - _DAY), history(pool, now - _WEEK), workers_online)


def history(pool: Pool, since: datetime) -> PoolHistory:
    samples = PoolSample.objects.filter(pool=pool, taken_at__gte=since)
    is_full = Q(queued__gt=0, active__gte=pool.concurrency_limit)
    seen: dict[str, Any] = samples.aggregate(
        samples=Count("pk"),
        mean=Avg("active"),
        peak=Max("active"),
        longest=Max("queued"),
        full=Count("pk", filter=is_full),
        unserved=Count("pk", filter=Q(queued__gt=0, workers_online=0)),
    )
    number = max(1, seen["samples"])
    return PoolHistory(
        limit=pool.concurrency_limit,
        samples=seen["samples"],
        mean_active=float(seen["mean"] or 0),
        peak_active=seen["peak"] or 0,
        peak_queued=seen["longest"] or 0,
        full_share=seen["full"] / number,
        unserved_share=seen["unserved"] / number,
    )
