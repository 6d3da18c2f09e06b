"""Definition → rows, in one transaction and few statements whatever the size."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.text import slugify

from engine.issue import Issue
from workers.models import Pool
from workflows import outbox
from workflows.definition import Definition
from workflows.models import Dependency, Node, Schedule, Team, Workflow, WorkflowVersion
from workflows.services import auditing
from workflows.services.storable import problems_of, schedule_row
from workflows.services.versions import (
    Layout,
    definition_of,
    latest_version,
    layout_of,
    record_version,
)

__all__ = [
    "DefinitionRejected",
    "Layout",
    "StaleVersion",
    "definition_of",
    "layout_of",
    "record_version",
    "save_definition",
]

RowT = TypeVar("RowT", Node, Schedule)

_NODE_FIELDS = (
    "name",
    "kind",
    "config",
    "position",
    "x",
    "y",
    "retries",
    "retry_delay_seconds",
    "timeout_seconds",
    "checkpoint",
)
_SCHEDULE_FIELDS = ("cron", "interval", "run_at", "timezone", "is_active")


class StaleVersion(Exception):
    """Somebody else saved in between; ``current`` is the version that is there now."""

    def __init__(self, current: WorkflowVersion) -> None:
        super().__init__(f"the workflow is at version {current.number} by now")
        self.current = current


class DefinitionRejected(Exception):
    """Rows cannot hold this definition; ``problems`` says why, and nothing was written."""

    def __init__(self, problems: list[Issue]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


def save_definition(
    *,
    team: Team,
    definition: Definition,
    layout: Mapping[str, Mapping[str, float]] | None = None,
    author: User | None = None,
    message: str = "",
    workflow: Workflow | None = None,
    expected_version: int | None = None,
    legacy: dict[str, Any] | None = None,
    workflow_id: UUID | None = None,
) -> Workflow:
    """Create the workflow, or make its rows equal to ``definition``; nodes keep their pk by key.

    Findings of the compiler never refuse a save. ``layout`` = None leaves nodes where they
    stand. ``workflow_id`` names a new workflow.

    Raises DefinitionRejected for what rows cannot hold, and StaleVersion if
    ``expected_version`` is not the latest.
    """
    if problems := problems_of(definition, team):
        raise DefinitionRejected(problems)
    with transaction.atomic(), outbox.one_mark(), auditing.as_one_act():
        workflow = _write_workflow(team, workflow, workflow_id, definition, author, legacy)
        if expected_version is not None:
            _refuse_if_stale(workflow, expected_version)
        nodes = _write_nodes(workflow, definition, layout)
        _write_dependencies(workflow, definition, nodes)
        _write_schedules(workflow, definition)
        outbox.mark_dirty(workflow.pk)
        version = record_version(workflow, author, message, definition=definition_of(workflow))
        if version is not None:
            auditing.record("workflow.saved", workflow, version=version.number, message=message)
    return workflow


def _refuse_if_stale(workflow: Workflow, expected: int) -> None:
    current = latest_version(workflow.pk)
    if current is not None and current.number != expected:
        raise StaleVersion(current)


def _write_workflow(
    team: Team,
    workflow: Workflow | None,
    workflow_id: UUID | None,
    definition: Definition,
    author: User | None,
    legacy: dict[str, Any] | None,
) -> Workflow:
    if workflow is None:
        row = Workflow(
            pk=workflow_id or uuid.uuid4(),
            team=team,
            slug=_free_slug(team, definition.name),
            created_by=author,
        )
    else:
        row = Workflow.objects.select_for_update().get(pk=workflow.pk)
    pool = definition.preferred_pool
    row.name = definition.name
    row.description = definition.description
    row.parameters = definition.parameters
    row.tags = list(definition.tags)
    row.preferred_pool = Pool.objects.get(name=pool) if pool else None
    row.needs_high_memory = definition.needs_high_memory
    row.estimated_rows = definition.estimated_rows
    row.timeout_seconds = definition.timeout_seconds
    if legacy is not None:
        row.legacy = legacy
    row.save(force_insert=workflow is None)
    return row


def _free_slug(team: Team, name: str) -> str:
    """A slug nobody else in the team has; the team row is locked, so that it stays free."""
    Team.objects.select_for_update().get(pk=team.pk)
    stem = slugify(name)[:190] or "workflow"
    taken = set(team.workflows.filter(slug__startswith=stem).values_list("slug", flat=True))
    candidates = (stem, *(f"{stem}-{number}" for number in range(2, len(taken) + 3)))
    return next(slug for slug in candidates if slug not in taken)


def _write_nodes(
    workflow: Workflow, definition: Definition, layout: Mapping[str, Mapping[str, float]] | None
) -> dict[str, Node]:
    """Rows by key. Only rows that differ are written, by one upsert."""
    existing = {node.key: node for node in workflow.nodes.all()}
    written: list[Node] = []
    rows: dict[str, Node] = {}
    for position, entry in enumerate(definition.nodes):
        old = existing.get(entry.key)
        place = _place(old, entry.key, layout)
        row = Node(workflow=workflow, position=position, **place, **entry.model_dump())
        if old is None or any(getattr(old, name) != getattr(row, name) for name in _NODE_FIELDS):
            written.append(row)
        rows[entry.key] = row if old is None else old
    workflow.nodes.exclude(key__in=rows).delete()
    saved = _upsert(written, _NODE_FIELDS, ("workflow", "key"))
    return rows | {node.key: node for node in saved}


def _place(
    old: Node | None, key: str, layout: Mapping[str, Mapping[str, float]] | None
) -> dict[str, float]:
    if layout is not None and key in layout:
        return {"x": float(layout[key]["x"]), "y": float(layout[key]["y"])}
    return {"x": old.x, "y": old.y} if old else {"x": 0.0, "y": 0.0}


def _write_dependencies(
    workflow: Workflow, definition: Definition, nodes: Mapping[str, Node]
) -> None:
    existing = {
        (row.source_id, row.source_port, row.target_id, row.target_port): row
        for row in workflow.dependencies.all()
    }
    wanted = {
        (nodes[e.source].pk, e.source_port, nodes[e.target].pk, e.target_port): None
        for e in definition.dependencies
    }
    gone = [row.pk for key, row in existing.items() if key not in wanted]
    if gone:
        workflow.dependencies.filter(pk__in=gone).delete()
    Dependency.objects.bulk_create(
        Dependency(
            workflow=workflow,
            source_id=key[0],
            source_port=key[1],
            target_id=key[2],
            target_port=key[3],
        )
        for key in wanted
        if key not in existing
    )


def _write_schedules(workflow: Workflow, definition: Definition) -> None:
    rows = [schedule_row(entry) for entry in definition.schedules]
    for row in rows:
        row.workflow = workflow
    workflow.schedules.exclude(slug__in=[row.slug for row in rows]).delete()
    _upsert(rows, _SCHEDULE_FIELDS, ("workflow", "slug"))


def _upsert(rows: Sequence[RowT], fields: Sequence[str], key: Sequence[str]) -> list[RowT]:
    """One INSERT … ON CONFLICT UPDATE; rows that stay keep their pk."""
    if not rows:
        return []
    return type(rows[0])._default_manager.bulk_create(
        rows, update_conflicts=True, update_fields=fields, unique_fields=key, batch_size=1000
    )
