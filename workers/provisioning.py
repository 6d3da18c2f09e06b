"""Brings Prefect's work pools in line with ours."""

from __future__ import annotations

from workers.models import Pool
from workers.prefect.current import gateway


def ensure_pools() -> None:
    """Create or correct every pool in Prefect. Raises ``GatewayError``."""
    for pool in Pool.objects.all():
        ensure_pool(pool)


def ensure_pool(pool: Pool) -> None:
    """Create or correct one pool in Prefect. Raises ``GatewayError``."""
    gateway().ensure_pool(
        pool.name,
        concurrency_limit=pool.concurrency_limit,
        is_paused=pool.is_paused,
        description=pool.description,
    )
