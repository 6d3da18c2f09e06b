"""``pool:<id>``: slots, queue, workers and figures of a pool, and its past."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from typing import Any

from django.db.models import Count, F, Max, OuterRef, QuerySet, Subquery
from django.template.loader import render_to_string

from workers.models import Pool
from workers.pages.history import pool_past
from workers.pages.visible import pools_seen_by
from workflows.models import OPEN_STATES, Run
from workflows.pages.live.keys import numbers
from workflows.pages.live.pools import load_marks
from workflows.pages.pools import pool_now
from workflows.streams.topic import beat, mark_of_each, marked

#: Waits grow, and heartbeats come, without a row of ours.
_REDRAWN_EVERY_SECONDS = 15


class PoolTopic:
    family = "pool"

    def visible(self, principal: Any, keys: Set[str]) -> Set[str]:
        if not principal.has_perm("workers.view_pool"):
            return set()
        pools = pools_seen_by(principal).filter(pk__in=numbers(keys))
        return {str(pk) for pk in pools.values_list("pk", flat=True)}

    def marks(self, keys: Collection[str]) -> QuerySet[Any, Any]:
        pools = Pool.objects.filter(pk__in=numbers(keys))
        marks = (*load_marks(), _open_runs(), beat(_REDRAWN_EVERY_SECONDS))
        return marked(pools, self.family, F("pk"), *marks)

    def parts(self, key: str, principal: Any) -> Mapping[str, str]:
        pool = Pool.objects.get(pk=key)
        now, past = pool_now(pool, principal), {"past": pool_past(pool)}
        return {
            "pool-runs": render_to_string("fragments/pool_runs.html", now),
            "pool-past": render_to_string("live/pool-past.html", past),
            "pool-state": "paused" if pool.is_paused else "open",
        }


def _open_runs() -> Subquery:
    rows = Run.objects.filter(pool=OuterRef("name"), state__in=OPEN_STATES)
    return mark_of_each(rows, "pool", Count("pk"), Max("state_at"))


TOPIC = PoolTopic()
