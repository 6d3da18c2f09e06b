"""How a workflow's deployment stands, and the queue of those that must change."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from workflows.models.version import WorkflowVersion
from workflows.models.workflow import Workflow


class RegistrationState(models.TextChoices):
    PENDING = "pending"
    REGISTERING = "registering"
    REGISTERED = "registered"
    FAILED = "failed"
    RETRYING = "retrying"
    DISABLED = "disabled"


class Registration(models.Model):
    """State shown to the user; in a table of its own so that no stale form overwrites it.

    ``deployment_id``, ``version`` and ``pool`` describe the last good deployment, which
    keeps running while ``state`` is failed or retrying. ``issues`` are of the latest save.
    """

    workflow = models.OneToOneField(
        Workflow, models.CASCADE, primary_key=True, related_name="registration"
    )
    state = models.CharField(
        max_length=12, choices=RegistrationState, default=RegistrationState.PENDING
    )
    reason = models.TextField(blank=True)
    issues = models.JSONField(default=list)
    #: Node key → columns at its output, as last compiled.
    schemas = models.JSONField(default=dict)
    #: Hash of everything sent to Prefect; equal → no call is made.
    fingerprint = models.CharField(max_length=64, blank=True)
    #: What routing looks at, counted when last compiled.
    requirements = models.JSONField(default=dict)
    #: Pool → ``{"id", "fingerprint"}`` of the deployments without schedules on other pools.
    twins = models.JSONField(default=dict)
    deployment_id = models.UUIDField(null=True, blank=True)
    deployment_name = models.CharField(max_length=300, blank=True)
    pool = models.CharField(max_length=60, blank=True)
    version = models.ForeignKey(
        WorkflowVersion, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    registered_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["state"],
                condition=models.Q(state=RegistrationState.FAILED),
                name="registration_failed",
            )
        ]

    def __str__(self) -> str:
        return f"{self.workflow_id}: {self.state}"


class RegistrationOutbox(models.Model):
    """One row per workflow that was ever saved: saves coalesce into a generation number.

    No foreign key: the row outlives its workflow, and then asks for the removal of what
    is registered. Claimed by one conditional UPDATE on ``locked_until``.
    """

    workflow_id = models.UUIDField(primary_key=True)
    generation = models.BigIntegerField(default=1)
    done_generation = models.BigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    locked_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["next_try_at"],
                condition=models.Q(done_generation__lt=models.F("generation")),
                name="outbox_due",
            )
        ]
        verbose_name = "outbox entry"
        verbose_name_plural = "outbox"

    def __str__(self) -> str:
        return f"{self.workflow_id} {self.done_generation}/{self.generation}"
