"""Which columns each column of a version is made of, and which tables workflows share."""

from __future__ import annotations

from django.db import models

from workflows.models.version import WorkflowVersion
from workflows.models.workflow import Workflow


class VersionLineage(models.Model):
    """Found out once, after the version was registered; a version never changes."""

    version = models.OneToOneField(
        WorkflowVersion, models.CASCADE, primary_key=True, related_name="lineage"
    )
    #: Node → column → ``[[node, column], …]`` it is made of, as ``engine.columns.lineage`` says.
    columns = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"lineage of {self.version}"


class TableUse(models.Model):
    """A node of a workflow's latest version that reads or writes a table; joins workflows."""

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="table_uses")
    node_key = models.CharField(max_length=100)
    connection = models.SlugField(max_length=80, help_text="Slug of a connection of the team.")
    #: Empty = the database's default.
    schema = models.CharField(max_length=200, blank=True)
    table = models.CharField(max_length=1000)
    is_write = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workflow", "node_key"], name="table_use_once_per_node")
        ]
        indexes = [models.Index(fields=["connection", "table"], name="table_use_by_table")]

    def __str__(self) -> str:
        return f"{self.node_key} {'writes' if self.is_write else 'reads'} {self.full_name}"

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.table}" if self.schema else self.table
