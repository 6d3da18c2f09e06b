"""Saves → deployments.

1. ``mark_dirty`` raises the workflow's generation in the outbox, in the transaction that
   changes it, and wakes Celery after the commit.
2. ``register`` claims the outbox row, compiles, routes, seals, compares with what is
   registered, makes one call, records the outcome and releases the row.
3. ``sweep`` picks up lost messages, lost leases and retries that are due.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from uuid import UUID

from django.db import transaction

from workers.prefect.gateway import GatewayError, NotThere
from workers.provisioning import ensure_pools
from workers.routing import Requirements
from workflows.models import Registration, RegistrationOutbox, RegistrationState, Workflow
from workflows.outbox import Claim, claim, due, mark_dirty, one_mark, release
from workflows.services.deploying import LeaseLost, Outcome, deploy, twin
from workflows.services.specifying import NotSealable

__all__ = [
    "NotSealable",
    "mark_dirty",
    "one_mark",
    "register",
    "register_from_scratch",
    "requirements_of",
    "sweep",
    "twin",
]

log = logging.getLogger(__name__)

SWEEP_SECONDS = 45


def register(workflow_id: UUID) -> str:
    """Bring the workflow's deployment in line with its latest save, if nobody else does.

    Returns what was done: noop, registered, unchanged, failed, retrying, disabled, removed.
    """
    word = "noop"
    while held := claim(workflow_id):
        Registration.objects.filter(pk=workflow_id).update(state=RegistrationState.REGISTERING)
        try:
            outcome = _attempt(held)
        except LeaseLost:
            return word
        word = outcome.word
        if not _finish(held, outcome):
            return word
    return word


def register_from_scratch(workflow_id: UUID) -> None:
    """Send everything to Prefect again, whatever is thought to be there."""
    with transaction.atomic():
        Registration.objects.filter(pk=workflow_id).update(fingerprint="", twins={})
        mark_dirty(workflow_id)


def requirements_of(workflow: Workflow, preferred_pool: str = "") -> Requirements:
    """What routing looks at, as last compiled; ``preferred_pool`` stands above the workflow's."""
    counted = Requirements(**workflow.registration.requirements)
    return replace(counted, preferred_pool=preferred_pool or counted.preferred_pool)


def sweep(limit: int = 200) -> list[str]:
    """Register what is due; stops early when it takes long, the next sweep goes on."""
    deadline = time.monotonic() + SWEEP_SECONDS
    done: list[str] = []
    for workflow_id in due(limit):
        if time.monotonic() > deadline:
            break
        done.append(register(workflow_id))
    return done


def _attempt(held: Claim) -> Outcome:
    def keep_lease() -> None:
        if not held.is_held():
            raise LeaseLost

    try:
        return deploy(held.workflow_id, keep_lease)
    except NotThere as error:
        return _mend_pools(error)
    except GatewayError as error:
        if error.permanent:
            return Outcome("failed", RegistrationState.FAILED, str(error))
        return _retry(str(error))
    except LeaseLost:
        raise
    except Exception as error:
        log.exception("registering workflow %s failed", held.workflow_id)
        return _retry(f"unexpected: {error}")


def _mend_pools(error: NotThere) -> Outcome:
    """What a registration may miss in Prefect is its pool, after Prefect's database was lost."""
    try:
        ensure_pools()
    except GatewayError as reason:
        return _retry(f"Prefect misses a pool that cannot be made: {reason}")
    return _retry(f"Prefect missed something: {error}")


def _retry(reason: str) -> Outcome:
    return Outcome("retrying", RegistrationState.RETRYING, reason)


@transaction.atomic
def _finish(held: Claim, outcome: Outcome) -> bool:
    """Record the outcome and release the row; True when a later save is waiting."""
    is_done = outcome.state is not RegistrationState.RETRYING
    row = release(held, is_done=is_done)
    if row is None:
        return False
    is_stale = row.generation != held.generation
    Registration.objects.filter(pk=held.workflow_id).update(
        state=RegistrationState.PENDING if is_stale else outcome.state,
        reason=outcome.reason,
        attempts=row.attempts,
        next_try_at=None if is_done else row.next_try_at,
        **outcome.fields,
    )
    if outcome.word == "removed" and not is_stale:
        RegistrationOutbox.objects.filter(pk=held.workflow_id).delete()
    return is_stale
