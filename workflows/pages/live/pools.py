"""``pools``: how busy each pool is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from typing import Any

from django.contrib.postgres.aggregates import StringAgg
from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.db.models.expressions import Combinable
from django.template.loader import render_to_string

from workers.models import Pool, PoolSample, WorkerSeen
from workers.pages.pools import pool_loads
from workflows.streams.topic import joined, marked_whole


class PoolsTopic:
    family = "pools"

    def visible(self, principal: Any, keys: Set[str]) -> Set[str]:
        return keys & {""} if principal.has_perm("workers.view_pool") else set()

    def marks(self, keys: Collection[str]) -> QuerySet[Any, Any]:
        pools = Pool.objects.annotate(load=joined(*load_marks()))
        return marked_whole(pools, self.family, StringAgg("load", " "))

    def parts(self, key: str, principal: Any) -> Mapping[str, str]:
        pools = pool_loads(principal)
        return {"pool-load": render_to_string("fragments/pool_load.html", {"pools": pools})}


def load_marks() -> list[Combinable]:
    """Of a pool: what its card shows."""
    of_pool = {"pool": OuterRef("pk")}
    online = WorkerSeen.objects.filter(**of_pool, is_online=True).order_by().values("pool")
    latest = PoolSample.objects.filter(**of_pool).order_by("-taken_at").values("taken_at")
    return [
        F("name"),
        F("description"),
        F("is_paused"),
        F("concurrency_limit"),
        Subquery(online.annotate(number=Count("pk")).values("number")),
        Subquery(latest[:1]),
    ]


TOPIC = PoolsTopic()
