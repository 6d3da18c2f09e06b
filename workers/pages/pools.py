"""How busy each pool is: slots, queue, workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import JSONObject
from django.utils.dateparse import parse_datetime

from workers.models import Pool, PoolSample
from workers.pages.badges import NO_WORKER, OPEN, PAUSED, Badge
from workers.pages.sparkline import Sparkline, last_day
from workers.pages.visible import pools_seen_by

_LATEST_SAMPLE = (
    PoolSample.objects.filter(pool=OuterRef("pk"))
    .order_by("-taken_at")
    .values(sample=JSONObject(active="active", queued="queued", taken_at="taken_at"))[:1]
)


@dataclass(frozen=True, slots=True)
class PoolLoad:
    """A pool as last sampled; ``active`` and ``queued`` are None before the first sample."""

    pk: int
    name: str
    description: str
    badge: Badge
    limit: int
    active: int | None
    queued: int | None
    workers_online: int
    sampled_at: datetime | None
    day: Sparkline

    @property
    def used_percent(self) -> int:
        return min(100, round(100 * (self.active or 0) / self.limit))


def pool_loads(user: User | AnonymousUser) -> Sequence[PoolLoad]:
    """The pools that ``user`` sees in rank order, in two queries."""
    online = Count("workers", filter=Q(workers__is_online=True))
    pools = pools_seen_by(user).annotate(online=online, sample=Subquery(_LATEST_SAMPLE))
    found = list(pools.order_by("rank"))
    days = last_day(found)
    return [_load(pool, days[pool.pk]) for pool in found]


def _load(pool: Pool, day: Sparkline) -> PoolLoad:
    sample = pool.sample or {}  # type: ignore[attr-defined]
    online: int = pool.online  # type: ignore[attr-defined]
    return PoolLoad(
        pk=pool.pk,
        name=pool.name,
        description=pool.description,
        badge=PAUSED if pool.is_paused else OPEN if online else NO_WORKER,
        limit=pool.concurrency_limit,
        active=sample.get("active"),
        queued=sample.get("queued"),
        workers_online=online,
        sampled_at=parse_datetime(sample["taken_at"]) if sample else None,
        day=day,
    )
