"""Where workflows run: pools, what was assigned to them, and what was seen of them."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models


class Pool(models.Model):
    """A Prefect work pool and the rule that sends workflows to it.

    Pools are tried in ``rank`` order, the largest first; a workflow belongs to the first
    pool one of whose thresholds it exceeds. The pool without thresholds takes the rest.
    Falling back goes to a pool of higher rank only: it can do what the smaller one can.
    """

    name = models.SlugField(max_length=60, unique=True)
    description = models.CharField(max_length=200, blank=True)
    rank = models.PositiveSmallIntegerField(
        unique=True, help_text="Order by capability, the least capable first."
    )
    concurrency_limit = models.PositiveIntegerField(
        default=5, validators=[MinValueValidator(1)], help_text="Runs at the same time."
    )
    is_paused = models.BooleanField(default=False)
    nodes_above = models.PositiveIntegerField(
        null=True, blank=True, help_text="Takes workflows with more nodes than this."
    )
    database_nodes_above = models.PositiveIntegerField(
        null=True, blank=True, help_text="Takes workflows with more database nodes than this."
    )
    transforms_above = models.PositiveIntegerField(
        null=True, blank=True, help_text="Takes workflows with more transforms than this."
    )
    rows_above = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Takes workflows estimated to read more rows than this."
    )
    takes_high_memory = models.BooleanField(
        default=False, help_text="Takes workflows that ask for high memory."
    )
    memory_limit_mb = models.PositiveIntegerField(
        default=512, help_text="Memory of the data engine in one run, in MB."
    )
    teams = models.ManyToManyField(
        "workflows.Team",
        blank=True,
        related_name="pools",
        verbose_name="reserved for",
        help_text="Only workflows of these teams go there; without any, all teams share it.",
    )
    public_key = models.CharField(
        max_length=64,
        blank=True,
        help_text="Base64 of the X25519 key that secrets are sealed to; its workers hold "
        "the private half.",
    )

    class Meta:
        ordering = ["rank"]
        permissions = [("pause_pool", "Can pause and resume a pool")]

    def __str__(self) -> str:
        return self.name


class PoolAssignment(models.Model):
    """Which pool a workflow is registered on, and the receipt that says why."""

    class Reason(models.TextChoices):
        RULE = "rule"
        MANUAL = "manual"
        FALLBACK = "fallback"

    workflow = models.OneToOneField("workflows.Workflow", models.CASCADE, related_name="assignment")
    pool = models.ForeignKey(Pool, models.PROTECT, related_name="assignments")
    reason = models.CharField(max_length=10, choices=Reason)
    receipt = models.JSONField(default=dict)
    assigned_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.workflow_id} → {self.pool}"


class WorkerSeen(models.Model):
    """A worker as Prefect last reported it."""

    pool = models.ForeignKey(Pool, models.CASCADE, related_name="workers")
    name = models.CharField(max_length=200)
    is_online = models.BooleanField(default=False)
    last_heartbeat_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pool", "name"]
        constraints = [
            models.UniqueConstraint(fields=["pool", "name"], name="worker_once_per_pool")
        ]
        verbose_name = "worker"

    def __str__(self) -> str:
        return f"{self.name} ({'online' if self.is_online else 'offline'})"


class PoolSample(models.Model):
    """Load of a pool at a moment."""

    pool = models.ForeignKey(Pool, models.CASCADE, related_name="samples")
    taken_at = models.DateTimeField()
    active = models.PositiveIntegerField(help_text="Slots taken.")
    queued = models.PositiveIntegerField(help_text="Runs that wait for a slot or a worker.")
    workers_online = models.PositiveIntegerField()

    class Meta:
        ordering = ["-taken_at"]
        indexes = [models.Index(fields=["pool", "-taken_at"], name="pool_sample_taken")]

    def __str__(self) -> str:
        return f"{self.pool} {self.taken_at:%Y-%m-%d %H:%M:%S}: {self.active}"
