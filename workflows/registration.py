"""Saves → deployments, through an outbox: nothing is lost, whatever dies in between.

One outbox row per workflow carries a generation number, raised in the transaction that
changes the workflow. Whoever claims the row brings Prefect in line with the rows as they
are then, and notes the generation it started from; a save in the meantime makes it go again.

1. ``mark_dirty`` raises the generation and wakes Celery after the commit.
2. ``register`` claims the row by one conditional UPDATE with a lease.
3. It compiles, routes, seals, compares with what is registered, and makes one call.
4. It records the outcome and releases the row, unless the lease was lost.
5. ``sweep`` picks up lost messages, lost leases and retries that are due;
   ``reconcile`` finds what nobody announced.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from uuid import UUID

from celery import current_app
from django.db import connection, transaction
from django.utils import timezone

from workflows.models import Registration, RegistrationState, Workflow

log = logging.getLogger(__name__)

_collected: ContextVar[set[UUID] | None] = ContextVar("collected", default=None)

# One statement, ids in order: the row locks of two transactions cannot cross.
_RAISE_GENERATION = """
    insert into workflows_registrationoutbox as outbox
        (workflow_id, generation, done_generation, attempts, next_try_at)
    select id, 1, 0, 0, now() from unnest(%s::uuid[]) as id
    on conflict (workflow_id) do update
        set generation = outbox.generation + 1, attempts = 0, next_try_at = now()
"""


def mark_dirty(*workflow_ids: UUID) -> None:
    """Note, in the current transaction, that these workflows must be registered again."""
    collected = _collected.get()
    if collected is not None:
        collected.update(workflow_ids)
    elif workflow_ids:
        _mark(sorted(set(workflow_ids)))


@contextmanager
def one_mark() -> Iterator[None]:
    """Let every ``mark_dirty`` inside the block be written once, at its end.

    The block must lie within one transaction.
    """
    token = _collected.set(set())
    try:
        yield
        collected = _collected.get() or set()
    finally:
        _collected.reset(token)
    mark_dirty(*collected)


def _mark(workflow_ids: list[UUID]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_RAISE_GENERATION, [workflow_ids])
    _show_pending(workflow_ids)
    waiting: set[UUID] = connection.__dict__.setdefault("_flowadmin_to_wake", set())
    for workflow_id in workflow_ids:
        waiting.add(workflow_id)
        transaction.on_commit(partial(_wake, waiting, workflow_id), robust=True)


def _show_pending(workflow_ids: Iterable[UUID]) -> None:
    existing = Workflow.objects.filter(pk__in=workflow_ids).values_list("pk", flat=True)
    Registration.objects.bulk_create(
        [
            Registration(workflow_id=pk, state=RegistrationState.PENDING, updated_at=timezone.now())
            for pk in existing
        ],
        update_conflicts=True,
        unique_fields=["workflow"],
        update_fields=["state", "reason", "attempts", "next_try_at", "updated_at"],
    )


def _wake(waiting: set[UUID], workflow_id: UUID) -> None:
    """One message per workflow and commit, whatever the number of saves in it."""
    if workflow_id not in waiting:
        return
    waiting.discard(workflow_id)
    try:
        current_app.send_task("workflows.tasks.register", (str(workflow_id),), retry=False)
    except Exception as error:  # noqa: BLE001  no broker error may fail a save that is committed
        log.warning("no broker (%s); the sweep will register workflow %s", error, workflow_id)
