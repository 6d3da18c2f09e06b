"""A workflow: nodes and the dependencies between them, owned by a team."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.fields.json import KT
from django.db.models.functions import Upper

from workflows.models.team import Team

if TYPE_CHECKING:
    from workflows.models.registration import Registration


class Overlap(models.TextChoices):
    """What a run does that finds its workflow running as often as it may."""

    QUEUE = "queue", "wait"
    CANCEL = "cancel", "be cancelled"


class Workflow(models.Model):
    """What should run. How its registration stands lives in ``Registration``."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, models.PROTECT, related_name="workflows")
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=200)
    description = models.TextField(blank=True)
    is_enabled = models.BooleanField(
        default=True, help_text="A disabled workflow has no deployment and cannot run."
    )
    is_paused = models.BooleanField(
        default=False, help_text="A paused workflow keeps its deployment; schedules do not fire."
    )
    preferred_pool = models.ForeignKey(
        "workers.Pool",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Overrides the routing rule.",
    )
    needs_high_memory = models.BooleanField(
        default=False, help_text="Hint for routing: analytics on data larger than usual."
    )
    estimated_rows = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Hint for routing: rows read by one run."
    )
    concurrency_limit = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Runs of this workflow at the same time; empty = as many as its pool takes.",
    )
    overlap = models.CharField(
        max_length=10,
        choices=Overlap,
        default=Overlap.QUEUE,
        help_text="What becomes of a run beyond that.",
    )
    timeout_seconds = models.FloatField(
        null=True, blank=True, help_text="A run that takes longer is stopped, and fails."
    )
    parameters = models.JSONField(
        default=dict, blank=True, help_text="Values usable as $name in expressions."
    )
    tags = models.JSONField(default=list, blank=True)
    legacy = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text="Keys of an imported payload that have no place of their own.",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    if TYPE_CHECKING:
        registration: Registration

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["team", "slug"], name="workflow_slug_in_team")
        ]
        indexes = [
            models.Index(fields=["team", "-updated_at"], name="workflow_team_updated"),
            # As the list is ordered, for all teams and for one.
            models.Index(fields=["name", "-id"], name="workflow_name"),
            models.Index(fields=["team", "name", "-id"], name="workflow_team_name"),
            # As the search compares: without regard to case, anywhere in the text.
            GinIndex(OpClass(Upper("name"), name="gin_trgm_ops"), name="workflow_name_search"),
        ]
        permissions = [
            ("run_workflow", "Can run a workflow"),
            ("pause_workflow", "Can pause and resume a workflow"),
        ]

    def __str__(self) -> str:
        return self.name


class Node(models.Model):
    """One step of a workflow: a kind and its config. ``key`` is its name in dependencies."""

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="nodes")
    key = models.CharField(max_length=100)
    name = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=60)
    config = models.JSONField(default=dict, blank=True)
    position = models.PositiveIntegerField(default=0, help_text="Order in lists.")
    x = models.FloatField(default=0)
    y = models.FloatField(default=0)
    retries = models.PositiveSmallIntegerField(default=0)
    retry_delay_seconds = models.FloatField(default=10)
    timeout_seconds = models.FloatField(null=True, blank=True)
    checkpoint = models.BooleanField(
        default=False,
        help_text="Keep its rows on disk, so that a retry goes on from them even after a crash.",
    )

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["workflow", "key"], name="node_key_in_workflow"),
            models.CheckConstraint(condition=~models.Q(key=""), name="node_has_a_key"),
        ]
        indexes = [models.Index(KT("config__connection"), name="node_connection")]

    def __str__(self) -> str:
        return self.name or self.key


class Dependency(models.Model):
    """Rows go from ``source``'s output port to ``target``'s input port."""

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="dependencies")
    source = models.ForeignKey(Node, models.CASCADE, related_name="outgoing")
    source_port = models.CharField(max_length=40, default="out")
    target = models.ForeignKey(Node, models.CASCADE, related_name="incoming")
    target_port = models.CharField(max_length=40, default="in")

    class Meta:
        verbose_name_plural = "dependencies"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "source_port", "target", "target_port"],
                name="dependency_once",
            ),
            models.CheckConstraint(
                condition=~models.Q(source=models.F("target")), name="dependency_is_no_loop"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} → {self.target}"
