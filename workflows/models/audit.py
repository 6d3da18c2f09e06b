"""What was done, by whom: written once, never changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.db import models

from workflows.acting import actor
from workflows.models.team import Team


class AuditEntries(models.Manager["AuditEntry"]):
    """Also what ``django-auditlog`` hands its findings to, under its names."""

    def write(
        self,
        event: str,
        subject: models.Model | None = None,
        *,
        team_id: int | None = None,
        changes: Mapping[str, Any] | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> AuditEntry:
        who = actor()
        return self.create(
            event=event,
            team_id=team_id if team_id is not None else _owner(subject),
            user_id=who.user_id,
            actor=who.name,
            address=who.address,
            object_type=str(subject._meta.model_name) if subject is not None else "",
            object_id=str(subject.pk) if subject is not None else "",
            object_name=str(subject)[:200] if subject is not None else "",
            changes=dict(changes or {}),
            details=dict(details or {}),
        )

    def log_create(
        self, instance: models.Model, *, action: int, changes: Any = None, **_: Any
    ) -> AuditEntry:
        verb = AuditEntry.Action(action).label
        return self.write(f"{instance._meta.model_name}.{verb}", instance, changes=changes)

    def log_m2m_changes(
        self,
        changed_queryset: Iterable[models.Model],
        instance: models.Model,
        operation: str,
        field_name: str,
        **_: Any,
    ) -> AuditEntry | None:
        names = [str(row) for row in changed_queryset]
        if not names:
            return None
        return self.write(
            f"{instance._meta.model_name}.changed",
            instance,
            changes={field_name: [[], names] if operation == "add" else [names, []]},
        )


class AuditEntry(models.Model):
    """``event`` reads ``workflow.run``, ``connection.changed``, ``user.login``.

    Names are kept beside ids, since entries outlive what they tell of.
    """

    class Action(models.IntegerChoices):
        """The numbers of ``django-auditlog``."""

        CREATE = 0, "created"
        UPDATE = 1, "changed"
        DELETE = 2, "deleted"
        ACCESS = 3, "read"

    at = models.DateTimeField(auto_now_add=True)
    event = models.CharField(max_length=60)
    # No constraint: what goes with a team is recorded while the team goes.
    team = models.ForeignKey(
        Team, models.DO_NOTHING, null=True, blank=True, related_name="+", db_constraint=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    actor = models.CharField(max_length=200, help_text="User, 'token <name>', or 'system'.")
    address = models.GenericIPAddressField(null=True, blank=True)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=60, blank=True)
    object_name = models.CharField(max_length=200, blank=True)
    changes = models.JSONField(default=dict, help_text="Field → [before, after].")
    details = models.JSONField(default=dict)

    objects = AuditEntries()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["-at", "-id"], name="audit_at"),
            models.Index(fields=["team", "-at"], name="audit_team_at"),
            models.Index(fields=["event", "-at"], name="audit_event_at"),
        ]
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.actor}: {self.event} {self.object_name}".rstrip()


def _owner(subject: models.Model | None) -> int | None:
    """Id of the team that a row belongs to, directly or through its run or workflow."""
    if isinstance(subject, Team):
        return subject.pk
    for name in ("run", "workflow"):
        subject = getattr(subject, name, None) or subject
    team_id: int | None = getattr(subject, "team_id", None)
    return team_id
