"""Where a worker listens for word that a run waits: one Redis channel per pool."""

from __future__ import annotations


def channel(pool: str) -> str:
    return f"flowadmin:wake:{pool}"
