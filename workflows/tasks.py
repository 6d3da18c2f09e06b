"""Celery's view of what goes on in the background; each task is one call."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from celery import shared_task

from workflows import registration
from workflows.services import housekeeping, reconciling

#: Below the lease of the outbox and the broker's visibility timeout.
_SHORT: dict[str, Any] = {"soft_time_limit": 100, "time_limit": 110}
#: Acknowledged at once, so that the broker does not hand it out again meanwhile.
_LONG: dict[str, Any] = {"soft_time_limit": 1700, "time_limit": 1800, "acks_late": False}


@shared_task(name="workflows.tasks.register", **_SHORT)
def register(workflow_id: str) -> str:
    return registration.register(UUID(workflow_id))


@shared_task(name="workflows.tasks.sweep", **_SHORT)
def sweep() -> list[str]:
    return registration.sweep()


@shared_task(name="workflows.tasks.sample_pools", **_SHORT)
def sample_pools() -> None:
    from workers.reconciling import sample_pools

    sample_pools()


@shared_task(name="workflows.tasks.crash_silent_runs", **_SHORT)
def crash_silent_runs() -> None:
    from workers.reconciling import crash_silent_runs

    crash_silent_runs()


@shared_task(name="workflows.tasks.reconcile", **_LONG)
def reconcile() -> None:
    reconciling.reconcile()


@shared_task(name="workflows.tasks.prune", **_LONG)
def prune() -> int:
    return housekeeping.prune()
