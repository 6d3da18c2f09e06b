"""Finds out the lineage of a workflow's columns, in the background, once per version."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from django.db import transaction

from engine.columns.lineage import lineage
from engine.kind import Context, Source, Target
from engine.registry import kinds
from engine.transfer import TableName
from workflows.compile import Compilation
from workflows.definition import Definition
from workflows.models import TableUse, VersionLineage, Workflow
from workflows.services.deploying import compile_now
from workflows.services.versions import latest_version


def trace(workflow_id: UUID) -> bool:
    """Store the lineage of the latest version; False when it is there, or there is no workflow."""
    workflow = Workflow.objects.select_related("team").filter(pk=workflow_id).first()
    version = latest_version(workflow_id)
    if workflow is None or version is None or hasattr(version, "lineage"):
        return False
    definition = Definition.model_validate(version.definition)
    compiled = compile_now(workflow, definition, version.number)
    found = lineage(compiled.steps, compiled.sql, compiled.schemas, compiled.tables, kinds())
    with transaction.atomic():
        Workflow.objects.select_for_update().only("pk").get(pk=workflow_id)
        VersionLineage.objects.update_or_create(version=version, defaults={"columns": found})
        TableUse.objects.filter(workflow_id=workflow_id).delete()
        TableUse.objects.bulk_create(_uses(workflow, compiled))
    return True


def _uses(workflow: Workflow, compiled: Compilation) -> Iterator[TableUse]:
    for step in compiled.steps:
        kind = kinds()[step.kind]
        config = kind.Config.model_validate(step.config)
        table: TableName | None = None
        if isinstance(kind, Source):
            table = kind.extraction(config, Context()).table
        elif isinstance(kind, Target):
            table = kind.table(config)
        if table:
            yield TableUse(
                workflow=workflow,
                node_key=step.key,
                connection=next(iter(kind.connections(config)), ""),
                schema=table.schema,
                table=table.table,
                is_write=isinstance(kind, Target),
            )
