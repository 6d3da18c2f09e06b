"""Pools with their load now, as routing wants them."""

from __future__ import annotations

from workers.models import Pool
from workers.prefect.current import gateway
from workers.prefect.gateway import GatewayError, PoolStatus
from workers.routing import PoolState


def pool_states() -> list[PoolState]:
    """Every pool; its load is unknown where Prefect does not say."""
    return [pool_state(pool, _status(pool.name)) for pool in Pool.objects.all()]


def pool_state(pool: Pool, status: PoolStatus | None) -> PoolState:
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
    )


def _status(name: str) -> PoolStatus | None:
    try:
        return gateway().pool_status(name)
    except GatewayError:
        return None
