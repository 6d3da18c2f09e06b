"""Pools with their load now, as routing wants them."""

from __future__ import annotations

from typing import Protocol

from django.db.models import Q, QuerySet

from workers.models import Pool
from workers.prefect.current import gateway
from workers.prefect.gateway import GatewayError, PoolStatus
from workers.routing import PoolState


class NamedTeam(Protocol):
    """A team, which this app knows by its id and its name only."""

    pk: int
    name: str


def pools_for(team: NamedTeam) -> QuerySet[Pool]:
    """The pools that workflows of ``team`` may run in: shared ones, and those reserved for it.

    ``is_reserved`` says which is which.
    """
    mine = Q(pk__in=Pool.objects.filter(teams=team.pk).values("pk"))
    return Pool.objects.filter(Q(teams=None) | mine).annotate(is_reserved=mine)


def pool_states(team: NamedTeam) -> list[PoolState]:
    """Every pool that ``team`` may use; its load is unknown where Prefect does not say."""
    return [pool_state(pool, _status(pool.name), team) for pool in pools_for(team)]


def pool_state(pool: Pool, status: PoolStatus | None, team: NamedTeam) -> PoolState:
    """``pool`` as ``pools_for`` gives it."""
    return PoolState(
        name=pool.name,
        rank=pool.rank,
        nodes_above=pool.nodes_above,
        database_nodes_above=pool.database_nodes_above,
        transforms_above=pool.transforms_above,
        rows_above=pool.rows_above,
        takes_high_memory=pool.takes_high_memory,
        is_paused=status.is_paused if status else pool.is_paused,
        workers_online=status.workers_online if status else None,
        active=status.active if status else None,
        limit=status.concurrency_limit if status else pool.concurrency_limit,
        reserved_for=team.name if pool.is_reserved else "",  # type: ignore[attr-defined]
    )


def _status(name: str) -> PoolStatus | None:
    try:
        return gateway().pool_status(name)
    except GatewayError:
        return None
