"""The local mirror of runs: a cache of what Prefect says, rebuilt by ``observe --backfill``."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q

from workflows.models.version import WorkflowVersion
from workflows.models.workflow import Workflow


class RunState(models.TextChoices):
    """Prefect's state types, and skipped for nodes that never started."""

    SCHEDULED = "SCHEDULED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    CANCELLING = "CANCELLING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CRASHED = "CRASHED"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"


#: How a run, or a node of it, ends badly.
FAILED_STATES = (RunState.FAILED, RunState.CRASHED)
TERMINAL_STATES = frozenset(
    {*FAILED_STATES, RunState.COMPLETED, RunState.CANCELLED, RunState.SKIPPED}
)
#: As a tuple in this order: the partial indexes below are used only for exactly these.
OPEN_STATES = tuple(state for state in RunState if state not in TERMINAL_STATES)


#: ``state_name`` of a completed node that a retry did not run again.
REUSED = "Reused"


class Trigger(models.TextChoices):
    MANUAL = "manual", "Manual"
    API = "api", "API"
    SCHEDULE = "schedule", "Schedule"
    FALLBACK = "fallback", "Fallback"
    RETRY = "retry", "Retry"


class Mirrored(models.Model):
    """A row that follows a state elsewhere: forward in time only, never out of an end."""

    state = models.CharField(max_length=12, choices=RunState, default=RunState.SCHEDULED)
    state_name = models.CharField(max_length=40, blank=True, help_text="Prefect's own word.")
    state_at = models.DateTimeField(null=True, blank=True)
    message = models.TextField(blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def is_terminal(self) -> bool:
        return self.state in TERMINAL_STATES

    @property
    def duration_seconds(self) -> float | None:
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds()

    def may_advance(self, state: str, state_at: datetime) -> bool:
        """Whether news of that moment may change this row.

        An end is taken whatever its moment says: clocks of workers may be ahead.
        """
        if self.is_terminal:
            return False
        return state in TERMINAL_STATES or self.state_at is None or state_at >= self.state_at


class Run(Mirrored):
    """One execution of a workflow; its id is that of Prefect's flow run."""

    id = models.UUIDField(primary_key=True)
    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="runs")
    version = models.ForeignKey(
        WorkflowVersion, models.SET_NULL, null=True, blank=True, related_name="runs"
    )
    name = models.CharField(max_length=200, blank=True)
    pool = models.CharField(max_length=60, blank=True)
    trigger = models.CharField(max_length=10, choices=Trigger, default=Trigger.SCHEDULE)
    parameters = models.JSONField(default=dict, blank=True)
    parent = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="retries",
        help_text="The run that this one retries.",
    )
    #: What it takes over from the runs before it, as ``engine.restarting.restart.Restart`` has
    #: it; empty = nothing.
    restart = models.JSONField(default=dict, blank=True)
    #: Why this pool: the receipt as it stood when the run was made.
    receipt = models.JSONField(default=dict, blank=True)
    expected_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="run_created"),
            # With what says whether a run may go: a million are counted without a look at them.
            models.Index(
                fields=["workflow", "-created_at"],
                include=["state", "ended_at"],
                name="run_history",
            ),
            models.Index(fields=["state", "-created_at"], name="run_state_created"),
            models.Index(fields=["pool", "-created_at"], name="run_pool_created"),
            models.Index(
                fields=["pool", "state"], condition=Q(state__in=OPEN_STATES), name="run_open"
            ),
        ]

    def __str__(self) -> str:
        return self.name or str(self.id)


class NodeRun(Mirrored):
    """One node within a run: state, rows and time."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="node_runs")
    node_key = models.CharField(max_length=100)
    node_name = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=60, blank=True)
    position = models.PositiveIntegerField(default=0)
    task_run_id = models.UUIDField(null=True, blank=True)
    attempt = models.PositiveIntegerField(default=0)
    rows_in = models.BigIntegerField(null=True, blank=True)
    rows_out = models.BigIntegerField(null=True, blank=True)
    seconds = models.FloatField(null=True, blank=True, help_text="Time spent in this node.")
    #: What its checks found that did not stop the run, in words.
    warnings = models.JSONField(default=list, blank=True)
    #: Column → type, of what a source read and of a target's table, as the run found them.
    columns = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "node_key"], name="node_run_once_per_run")
        ]
        indexes = [
            models.Index(fields=["run"], condition=Q(state__in=OPEN_STATES), name="node_run_open"),
        ]

    def __str__(self) -> str:
        return f"{self.node_name or self.node_key}: {self.state}"

    @property
    def is_reused(self) -> bool:
        """Whether it was not run: a retry found what it had made before."""
        return self.state_name == REUSED
