"""Rows → definition, and the memory of every change."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max

from workflows.definition import (
    Definition,
    DependencyDefinition,
    NodeDefinition,
    ScheduleDefinition,
)
from workflows.models import Schedule, Workflow, WorkflowVersion

#: Node key → where it stands on the canvas, as ``{"x": …, "y": …}``.
Layout = dict[str, dict[str, float]]


def definition_of(workflow: Workflow) -> Definition:
    """The workflow's rows as a definition, in an order that depends on nothing but them."""
    nodes = sorted(workflow.nodes.all(), key=lambda node: (node.position, node.pk))
    place = {node.pk: (index, node.key) for index, node in enumerate(nodes)}
    edges = sorted(
        (place[edge.target_id], edge.target_port, place[edge.source_id], edge.source_port)
        for edge in workflow.dependencies.all()
    )
    pool = workflow.preferred_pool
    return Definition(
        name=workflow.name,
        description=workflow.description,
        nodes=tuple(_node(node) for node in nodes),
        dependencies=tuple(
            DependencyDefinition(source=s[1], source_port=out, target=t[1], target_port=port)
            for t, port, s, out in edges
        ),
        schedules=tuple(
            _schedule(row) for row in sorted(workflow.schedules.all(), key=lambda row: row.slug)
        ),
        parameters=workflow.parameters,
        tags=tuple(workflow.tags),
        preferred_pool=pool.name if pool else "",
        needs_high_memory=workflow.needs_high_memory,
        estimated_rows=workflow.estimated_rows,
        timeout_seconds=workflow.timeout_seconds,
    )


def layout_of(workflow: Workflow) -> Layout:
    """Where each node stands."""
    return {node.key: {"x": node.x, "y": node.y} for node in workflow.nodes.all()}


def latest_version(workflow_id: UUID) -> WorkflowVersion | None:
    return WorkflowVersion.objects.filter(workflow_id=workflow_id).order_by("-number").first()


@transaction.atomic
def record_version(
    workflow: Workflow,
    author: User | None = None,
    message: str = "",
    *,
    definition: Definition | None = None,
) -> WorkflowVersion | None:
    """Write a version if the definition differs from the latest one; None if it does not.

    ``definition`` spares reading the rows again when the caller has just done so.
    """
    Workflow.objects.select_for_update().only("pk").get(pk=workflow.pk)
    definition = definition or definition_of(workflow)
    fingerprint = definition.fingerprint()
    latest = latest_version(workflow.pk)
    if latest is not None and latest.fingerprint == fingerprint:
        return None
    highest = workflow.versions.aggregate(highest=Max("number"))["highest"] or 0
    return WorkflowVersion.objects.create(
        workflow=workflow,
        number=highest + 1,
        definition=definition.model_dump(mode="json"),
        layout=layout_of(workflow),
        fingerprint=fingerprint,
        author=author,
        message=message,
    )


def _node(node: Any) -> NodeDefinition:
    return NodeDefinition(
        key=node.key,
        name=node.name,
        kind=node.kind,
        config=node.config,
        retries=node.retries,
        retry_delay_seconds=node.retry_delay_seconds,
        timeout_seconds=node.timeout_seconds,
        checkpoint=node.checkpoint,
    )


def _schedule(row: Schedule) -> ScheduleDefinition:
    return ScheduleDefinition(
        slug=row.slug,
        cron=row.cron,
        interval_seconds=round(row.interval / timedelta(seconds=1)) if row.interval else None,
        run_at=row.run_at,
        timezone=row.timezone,
        is_active=row.is_active,
    )
