"""The local copy of runs' logs: what a page can search and turn the pages of."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from workflows.models.run import Run


class RunLog(models.Model):
    """How far the log of a run has been taken over from Prefect."""

    run = models.OneToOneField(Run, models.CASCADE, primary_key=True, related_name="log")
    lines = models.PositiveIntegerField(default=0)
    heard_until = models.DateTimeField(null=True, help_text="When the newest line was written.")
    is_complete = models.BooleanField(default=False)
    is_truncated = models.BooleanField(default=False, help_text="The rest stays in Prefect.")

    class Meta:
        indexes = [
            models.Index(fields=["run"], condition=Q(is_complete=False), name="run_log_open"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.lines} lines"


class LogLine(models.Model):
    """One line; a message of several is as many rows, ``part`` counts them.

    Within a run the order of ``id`` is that of the lines.
    """

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Run, models.CASCADE, related_name="log_lines", db_index=False)
    at = models.DateTimeField()
    level = models.PositiveSmallIntegerField(help_text="As in Python's logging.")
    node_key = models.CharField(max_length=100, blank=True)
    task_run_id = models.UUIDField(null=True)
    text = models.TextField()
    source_id = models.UUIDField(help_text="Prefect's id of the message.")
    part = models.PositiveSmallIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["run", "id"], name="log_line_run")]
        constraints = [models.UniqueConstraint(fields=["source_id", "part"], name="log_line_once")]

    def __str__(self) -> str:
        return self.text
