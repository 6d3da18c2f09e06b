"""Receivers for writes nobody announces: the admin's forms, cascades, the shell.

Correctness never depends on them: bulk writes send no signals, and services that use bulk
writes mark the workflow themselves; ``reconcile`` finds what is left.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import (
    user_logged_in,
    user_logged_out,
    user_login_failed,
)
from django.db.models import QuerySet
from django.db.models.signals import m2m_changed, post_delete, post_init, post_save, pre_delete
from django.dispatch import receiver

from workers.models import Pool
from workflows.models import Connection, Dependency, Membership, Node, Schedule, Workflow
from workflows.outbox import mark_dirty
from workflows.services import auditing, tokens
from workflows.services.connections import note_change

#: What of a pool is part of the deployments on it, and what decides which are on it.
_POOL_SEALING = ("public_key", "memory_limit_mb")
_POOL_RULE = (
    "rank", "nodes_above", "database_nodes_above", "transforms_above", "rows_above",
    "takes_high_memory",
)  # fmt: skip


@receiver([post_save, post_delete], sender=Workflow)
def workflow_changed(instance: Workflow, raw: bool = False, **_: Any) -> None:
    if not raw:
        mark_dirty(instance.pk)


@receiver([post_save, post_delete], sender=Node)
@receiver([post_save, post_delete], sender=Dependency)
@receiver([post_save, post_delete], sender=Schedule)
def part_changed(
    instance: Node | Dependency | Schedule, raw: bool = False, origin: Any = None, **_: Any
) -> None:
    if not raw and not _is_of_workflow(origin):
        mark_dirty(instance.workflow_id)


@receiver(post_save, sender=Connection)
def connection_changed(instance: Connection, created: bool, raw: bool = False, **_: Any) -> None:
    """A new one may be what a workflow was missing."""
    if not raw:
        note_change(instance)


@receiver(post_delete, sender=Connection)
def connection_deleted(instance: Connection, **_: Any) -> None:
    note_change(instance)


@receiver(post_init, sender=Pool)
def pool_loaded(instance: Pool, **_: Any) -> None:
    _remember(instance)


@receiver(post_save, sender=Pool)
def pool_changed(instance: Pool, raw: bool = False, **_: Any) -> None:
    """Its deployments carry secrets sealed to its key; its rule concerns every workflow."""
    before = instance.__dict__["_as_loaded"]
    _remember(instance)
    changed = {
        name for name, value in instance.__dict__["_as_loaded"].items() if before[name] != value
    }
    if raw or not changed:
        return
    concerned = Workflow.objects.all()
    if not changed & set(_POOL_RULE):
        concerned = concerned.filter(assignment__pool=instance)
    mark_dirty(*concerned.values_list("pk", flat=True))


@receiver(m2m_changed, sender=Pool.teams.through)
def reservation_changed(action: str, **_: Any) -> None:
    """A pool that is kept for some, or no longer, concerns everybody's routes."""
    if action.startswith("post_"):
        mark_dirty(*Workflow.objects.values_list("pk", flat=True))


@receiver([post_save, post_delete], sender=Membership)
def membership_changed(instance: Membership, raw: bool = False, **_: Any) -> None:
    """Also when it goes with its user: then there is no user any more."""
    user = User.objects.filter(pk=instance.user_id).first()
    if user and not raw:
        tokens.end_unfounded(user)


@receiver(post_save, sender=User)
def user_changed(instance: User, update_fields: Any = None, raw: bool = False, **_: Any) -> None:
    if not raw and (update_fields is None or {"is_active", "is_superuser"} & set(update_fields)):
        tokens.end_unfounded(instance)


@receiver(pre_delete, sender=User)
def user_deleted(instance: User, **_: Any) -> None:
    """Before: afterwards nobody knows which tokens they made."""
    tokens.end_unfounded(instance, is_leaving=True)


def _remember(pool: Pool) -> None:
    """Deferred fields are left alone: reading one here would load the pool again."""
    names = (*_POOL_SEALING, *_POOL_RULE)
    pool.__dict__["_as_loaded"] = {name: pool.__dict__.get(name) for name in names}


@receiver(user_logged_in)
def logged_in(user: User, **_: Any) -> None:
    auditing.record("user.login", user)


@receiver(user_logged_out)
def logged_out(user: User | None, **_: Any) -> None:
    if user is not None:
        auditing.record("user.logout", user)


@receiver(user_login_failed)
def login_failed(credentials: dict[str, Any], **_: Any) -> None:
    """A name that nobody has is not kept: it may be a password in the wrong field."""
    name = str(credentials.get("username", ""))
    auditing.record("user.login_failed", User.objects.filter(username=name).first())


def _is_of_workflow(origin: Any) -> bool:
    """Whether a part goes because its workflow does, which is announced once by itself."""
    return isinstance(origin, Workflow) or (
        isinstance(origin, QuerySet) and origin.model is Workflow
    )
