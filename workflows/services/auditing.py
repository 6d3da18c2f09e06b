"""What is written to the audit log, and what of it is left out.

Changes of rows are seen by ``django-auditlog``; acts are recorded by the services that do
them, with ``record``. Bulk writes send no signals: who makes them records the act.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, get_args

from auditlog.context import disable_auditlog
from auditlog.registry import auditlog
from django.contrib.auth.models import User
from django.db.models import Model

from workers.models import Pool
from workflows.models import (
    AlertChannel,
    AlertRule,
    ApiToken,
    AuditEntry,
    Connection,
    Membership,
    Node,
    RetentionPolicy,
    Schedule,
    Team,
    Workflow,
)

_CLOCKS = ["created_at", "updated_at"]


#: What is done besides changing rows.
Act = Literal[
    "apitoken.revoked",
    "log.downloaded",
    "retention.pruned",
    "run.canceled",
    "run.retried",
    "user.login",
    "user.login_failed",
    "user.logout",
    "user.single_sign_on",
    "workflow.imported",
    "workflow.paused",
    "workflow.register",
    "workflow.resumed",
    "workflow.run",
    "workflow.saved",
]
_CHANGES = (AuditEntry.Action.CREATE, AuditEntry.Action.UPDATE, AuditEntry.Action.DELETE)


def events() -> list[str]:
    """Every event that can be in the log, in alphabetical order."""
    watched = (model._meta.model_name for model in auditlog.get_models())
    return sorted(
        [*get_args(Act), *(f"{name}.{act.label}" for name in watched for act in _CHANGES)]
    )


def record(
    event: Act, subject: Model | None = None, *, team: Team | None = None, **details: Any
) -> None:
    """Write an entry for an act, in the current transaction. ``details`` hold no secrets."""
    AuditEntry.objects.write(event, subject, team_id=team.pk if team else None, details=details)


def as_one_act() -> AbstractContextManager[None]:
    """Rows that change inside are not listed: the act that the caller records says it all."""
    quietly: AbstractContextManager[None] = disable_auditlog()
    return quietly


def hidden(value: str) -> str:
    """What stands for a secret in a diff: that it changed, not what it is."""
    return "(hidden)" if value not in ("", "None") else ""


def watch_models() -> None:
    """Have every change of these rows recorded; a second call changes nothing."""
    if auditlog.contains(Workflow):
        return
    _watch(Workflow, leave_out=(*_CLOCKS, "legacy", "created_by"))
    _watch(Node, leave_out=("workflow", "x", "y"))
    _watch(Schedule, leave_out=("workflow",))
    _watch(Connection, leave_out=(*_CLOCKS, "revision"), hide=("secrets",))
    _watch(Team)
    _watch(RetentionPolicy)
    _watch(Membership)
    _watch(ApiToken, leave_out=("digest", "last_used_at", "created_at", "created_by"))
    _watch(AlertRule, many=("channels",))
    _watch(AlertChannel, hide=("secrets",))
    _watch(Pool, leave_out=("public_key",), many=("teams",))
    _watch(User, leave_out=("last_login", "date_joined"), hide=("password",))


def _watch(
    model: type[Model],
    *,
    leave_out: Sequence[str] = (),
    hide: Sequence[str] = (),
    many: Sequence[str] = (),
) -> None:
    # Named one by one: the library would ask a new row for its reverse relations too, and
    # Django remembers on the row that they are empty.
    fields = [field.name for field in model._meta.concrete_fields if field.name not in leave_out]
    auditlog.register(model, include_fields=fields, mask_fields=list(hide), m2m_fields=set(many))
