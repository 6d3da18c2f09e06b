"""Celery's view of what goes on in the background; each task is one call."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

from celery import shared_task

from workers.prefect.gateway import GatewayError
from workers.reconciling import crash_silent_runs as end_silent_runs
from workers.reconciling import sample_pools as take_samples
from workflows import registration
from workflows.services import falling_back, reconciling, tracing
from workflows.services.alerting import sending, telling, watching
from workflows.services.retaining import pruning

log = logging.getLogger(__name__)

#: Below the lease of the outbox and the broker's visibility timeout.
_SHORT: dict[str, Any] = {"soft_time_limit": 100, "time_limit": 110}
#: Acknowledged at once, so that the broker does not hand it out again meanwhile.
_LONG: dict[str, Any] = {"soft_time_limit": 1700, "time_limit": 1800, "acks_late": False}


@shared_task(name="workflows.tasks.register", **_SHORT)
def register(workflow_id: str) -> str:
    word = registration.register(UUID(workflow_id))
    tracing.trace(UUID(workflow_id))
    return word


@shared_task(name="workflows.tasks.trace", **_SHORT)
def trace(workflow_id: str) -> bool:
    """Lineage of a version that a sweep has registered, when somebody asks for it."""
    return tracing.trace(UUID(workflow_id))


@shared_task(name="workflows.tasks.sweep", **_SHORT)
def sweep() -> list[str]:
    return registration.sweep()


@shared_task(name="workflows.tasks.sample_pools", **_SHORT)
def sample_pools() -> None:
    """Load and workers of every pool, for pages and routing."""
    _if_prefect_answers(take_samples)


@shared_task(name="workflows.tasks.crash_silent_runs", **_SHORT)
def crash_silent_runs() -> None:
    _if_prefect_answers(end_silent_runs)


@shared_task(name="workflows.tasks.move_late_runs", **_SHORT)
def move_late_runs() -> None:
    _if_prefect_answers(falling_back.move_late_runs)


@shared_task(name="workflows.tasks.prune", **_LONG)
def prune() -> None:
    _if_prefect_answers(pruning.prune)


@shared_task(name="workflows.tasks.watch_alerts", **_SHORT)
def watch_alerts() -> None:
    """What no event announces, and what was counted meanwhile."""
    watching.watch()
    telling.go_on()
    sending.send_due()


@shared_task(name="workflows.tasks.send_alerts", **_SHORT)
def send_alerts() -> None:
    sending.send_due()


@shared_task(name="workflows.tasks.reconcile", **_LONG)
def reconcile() -> None:
    _if_prefect_answers(reconciling.reconcile)


def _if_prefect_answers(work: Callable[[], object]) -> None:
    """Regular work is done again soon: one line says that it could not be done now."""
    try:
        work()
    except GatewayError as error:
        log.warning("left for the next time: %s", error)
