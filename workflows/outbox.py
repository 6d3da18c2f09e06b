"""The queue between saves and Prefect: nothing is lost, whatever dies in between.

One row per workflow carries a generation number, raised in the transaction that changes
the workflow. Whoever claims the row works on the rows as they are then, and notes the
generation it started from; a save in the meantime leaves the row due.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from celery import current_app
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from workflows.models import Registration, RegistrationOutbox, RegistrationState, Workflow

log = logging.getLogger(__name__)

#: Longer than the longest registration; Celery's time limit lies below it.
LEASE = timedelta(seconds=120)
LONGEST_WAIT_SECONDS = 300
#: Above this number of workflows in one commit, one sweep is woken instead.
WOKEN_ONE_BY_ONE = 20

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
    if len(workflow_ids) > WOKEN_ONE_BY_ONE:
        transaction.on_commit(partial(send, "workflows.tasks.sweep"), robust=True)
        return
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
    if workflow_id in waiting:
        waiting.discard(workflow_id)
        send("workflows.tasks.register", str(workflow_id))


def send(task: str, *args: str) -> None:
    """Hand a task to Celery, if there is a broker; what must be done is found by a sweep."""
    try:
        current_app.send_task(task, args, retry=False)
    except Exception as error:  # noqa: BLE001  no broker error may fail a save that is committed
        log.warning("no broker (%s): the next sweep does what %s%s would", error, task, args)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a workflow until ``locked_until``, which also identifies it."""

    workflow_id: UUID
    generation: int
    locked_until: datetime

    def is_held(self) -> bool:
        return RegistrationOutbox.objects.filter(
            pk=self.workflow_id, locked_until=self.locked_until
        ).exists()


def claim(workflow_id: UUID) -> Claim | None:
    """One conditional UPDATE decides who works; None when there is no work or somebody does."""
    locked_until = timezone.now() + LEASE
    if not _free().filter(pk=workflow_id).update(locked_until=locked_until):
        return None
    generation = RegistrationOutbox.objects.values_list("generation", flat=True).get(pk=workflow_id)
    return Claim(workflow_id, generation, locked_until)


def due(limit: int) -> list[UUID]:
    """Workflows to work on now, the longest waiting first."""
    rows = _free().filter(next_try_at__lte=timezone.now()).order_by("next_try_at")
    return list(rows.values_list("pk", flat=True)[:limit])


@transaction.atomic
def release(claim: Claim, *, is_done: bool) -> RegistrationOutbox | None:
    """Give the row back, done or to be tried again later; None if the lease was lost.

    Nothing is done with the claim's generation if a later one waits: that one is due at once.
    """
    held = RegistrationOutbox.objects.select_for_update().filter(
        pk=claim.workflow_id, locked_until=claim.locked_until
    )
    row = held.first()
    if row is None:
        return None
    row.locked_until = None
    if is_done:
        row.done_generation, row.attempts = claim.generation, 0
    elif row.generation == claim.generation:
        row.attempts += 1
        row.next_try_at = timezone.now() + _backoff(row.attempts)
    row.save()
    return row


def _free() -> QuerySet[RegistrationOutbox]:
    now = timezone.now()
    return RegistrationOutbox.objects.filter(
        Q(locked_until=None) | Q(locked_until__lt=now), done_generation__lt=F("generation")
    )


def _backoff(attempts: int) -> timedelta:
    """2, 4, 8 … 300 seconds, each between half and one and a half times that."""
    seconds = min(LONGEST_WAIT_SECONDS, 2 ** min(attempts, 16))
    return timedelta(seconds=seconds * (0.5 + random.random()))  # noqa: S311  spreads load
