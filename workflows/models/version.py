"""Versions are the memory: an immutable snapshot per change of a definition."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from workflows.models.workflow import Workflow


class WorkflowVersion(models.Model):
    """``definition`` decides what runs; ``layout`` (where nodes stand) is kept apart."""

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    layout = models.JSONField(default=dict)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the definition.")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    message = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["workflow", "number"], name="version_number_once")
        ]

    def __str__(self) -> str:
        return f"{self.workflow} v{self.number}"
