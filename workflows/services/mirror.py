"""What Prefect says about runs → Run and NodeRun rows.

The rows are a cache. News may come twice, late or out of order: a row moves forward in time
only, and never out of an end. A flow run that Prefect starts again before it has ended (a
retry) goes back to Scheduled and Running, which are later news of a run that is still open.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from workers.prefect.gateway import FlowRun, TaskRun
from workflows.models import NodeRun, Run, RunState, Trigger, Workflow, WorkflowVersion
from workflows.services.alerting.noticing import runs_ended

_WORKFLOW_TAG = "workflow:"
_TRIGGER_TAG = "trigger:"
_USER_TAG = "user:"
_PARENT_TAG = "retry-of:"

#: ``E_CODE: node 'key': text`` somewhere in what Prefect passes on; or with the code of an
#: issue, where a node can no longer be typed.
_FAILURE = re.compile(r"\b([A-Z]+_[A-Z0-9_]+|[a-z]+_[a-z_]+): (node '.*?': .*)", re.DOTALL)
_NODE_PREFIX = re.compile(r"^node '.*?': ", re.DOTALL)

_RUN_FIELDS = (
    "name", "pool", "state", "state_name", "state_at", "message", "error_code",
    "expected_at", "started_at", "ended_at",
)  # fmt: skip
_NODE_FIELDS = (
    "task_run_id", "attempt", "state", "state_name", "state_at", "message", "error_code",
    "started_at", "ended_at", "rows_in", "rows_out", "seconds", "warnings",
    "columns",
)  # fmt: skip


def tags_of(trigger: Trigger, user: Any, parent: UUID | None = None) -> tuple[str, ...]:
    """What a run made by us carries, so that its row can be rebuilt from Prefect."""
    by = (f"{_USER_TAG}{user.pk}",) if getattr(user, "pk", None) else ()
    of = (f"{_PARENT_TAG}{parent}",) if parent else ()
    return (f"{_TRIGGER_TAG}{trigger.value}", *by, *of)


def workflow_tag(workflow_id: UUID) -> str:
    return f"{_WORKFLOW_TAG}{workflow_id}"


def workflow_id_of(tags: Iterable[str]) -> UUID | None:
    """The workflow a deployment or run belongs to, by its tag."""
    try:
        return next(
            (UUID(t.removeprefix(_WORKFLOW_TAG)) for t in tags if t.startswith(_WORKFLOW_TAG)), None
        )
    except ValueError:
        return None


def apply_flow_run(flow_run: FlowRun) -> Run | None:
    """Bring the run's row up to date; None if it is not ours or not due yet."""
    return next(iter(apply_flow_runs([flow_run])), None)


def apply_flow_runs(flow_runs: Sequence[FlowRun]) -> list[Run]:
    """Rows of those flow runs that are ours: made where they are missing, advanced where not."""
    with transaction.atomic():
        ids = [flow_run.id for flow_run in flow_runs]
        rows = {row.pk: row for row in Run.objects.select_for_update().filter(pk__in=sorted(ids))}
        _insert([f for f in flow_runs if f.id not in rows and _is_due(f)])
        missing = [pk for pk in ids if pk not in rows]
        rows |= Run.objects.select_for_update().in_bulk(missing) if missing else {}
        changed = [
            _advance(rows[f.id], f) for f in flow_runs if f.id in rows and _is_news(rows[f.id], f)
        ]
        if changed:
            Run.objects.bulk_update(changed, _RUN_FIELDS)
        new = [rows[pk] for pk in missing if pk in rows]
        runs_ended([row for row in (*changed, *new) if row.is_terminal])
    return list(rows.values())


def apply_task_runs(task_runs: Sequence[TaskRun]) -> None:
    """Bring node rows up to date; task runs of runs without a row are passed over."""
    run_ids = sorted({task_run.flow_run_id for task_run in task_runs})
    with transaction.atomic():
        runs = Run.objects.in_bulk(run_ids)
        found = NodeRun.objects.select_for_update().filter(run_id__in=runs).order_by("pk")
        rows = {(row.run_id, row.node_key): row for row in found}
        changed: dict[tuple[UUID, str], NodeRun] = {}
        for task_run in sorted(task_runs, key=lambda task_run: task_run.state_at):
            key = (task_run.flow_run_id, task_run.name)
            row = rows.get(key)
            if row is not None and _is_node_news(row, runs[row.run_id], task_run):
                changed[key] = _advance_node(row, task_run)
        _fill_in_reused(list(changed.values()), runs)
        if changed:
            NodeRun.objects.bulk_update(changed.values(), _NODE_FIELDS, batch_size=500)


def _is_due(flow_run: FlowRun) -> bool:
    """Future runs of a schedule are Prefect's plan, remade at every change: not history yet."""
    waits = flow_run.state == RunState.SCHEDULED and flow_run.is_scheduled
    return not (waits and flow_run.expected_at and flow_run.expected_at > timezone.now())


def _insert(flow_runs: Sequence[FlowRun]) -> None:
    """New rows with their nodes; a run whose workflow is gone is left out."""
    owners = {f.id: owner for f in flow_runs if (owner := workflow_id_of(f.tags))}
    if not owners:
        return
    workflows = set(
        Workflow.objects.filter(pk__in=set(owners.values())).values_list("pk", flat=True)
    )
    versions = {
        (version.workflow_id, str(version.number)): version
        for version in WorkflowVersion.objects.filter(
            workflow_id__in=workflows,
            number__in={int(f.version) for f in flow_runs if f.version.isdigit()},
        )
    }
    rows = [
        _new_row(f, owners[f.id], versions.get((owners[f.id], f.version)))
        for f in flow_runs
        if owners.get(f.id) in workflows
    ]
    Run.objects.bulk_create(rows, ignore_conflicts=True)
    NodeRun.objects.bulk_create(
        [node for row in rows if row.version for node in _nodes(row.pk, row.version)],
        ignore_conflicts=True,
        batch_size=1000,
    )


def _new_row(flow_run: FlowRun, workflow_id: UUID, version: WorkflowVersion | None) -> Run:
    row = Run(
        pk=flow_run.id,
        workflow_id=workflow_id,
        version=version,
        trigger=_trigger(flow_run),
        created_by_id=_user_id(flow_run.tags),
        parent_id=_parent_id(flow_run.tags, workflow_id),
        restart=flow_run.parameters.get("restart") or {},
        parameters=flow_run.parameters.get("parameters") or {},
        # Prefect plans runs of schedules days ahead: such a run comes into being when it is due.
        created_at=max(flow_run.created_at, flow_run.expected_at or flow_run.created_at),
    )
    return _advance(row, flow_run)


def _trigger(flow_run: FlowRun) -> Trigger:
    for tag in flow_run.tags:
        if tag.removeprefix(_TRIGGER_TAG) in Trigger.values and tag.startswith(_TRIGGER_TAG):
            return Trigger(tag.removeprefix(_TRIGGER_TAG))
    return Trigger.SCHEDULE if flow_run.is_scheduled else Trigger.MANUAL


def _user_id(tags: Iterable[str]) -> int | None:
    found = [tag.removeprefix(_USER_TAG) for tag in tags if tag.startswith(_USER_TAG)]
    if not found:
        return None
    users = get_user_model().objects.filter(pk=found[0])
    return users.values_list("pk", flat=True).first()


def _parent_id(tags: Iterable[str], workflow_id: UUID) -> UUID | None:
    """The run that is retried, if its row is there still."""
    found = [tag.removeprefix(_PARENT_TAG) for tag in tags if tag.startswith(_PARENT_TAG)]
    if not found:
        return None
    runs = Run.objects.filter(pk=found[0], workflow_id=workflow_id)
    return runs.values_list("pk", flat=True).first()


def _nodes(run_id: UUID, version: WorkflowVersion) -> list[NodeRun]:
    return [
        NodeRun(
            run_id=run_id,
            node_key=node["key"],
            node_name=node["name"],
            kind=node["kind"],
            position=position,
        )
        for position, node in enumerate(version.definition["nodes"])
    ]


def _is_news(row: Run, flow_run: FlowRun) -> bool:
    is_same = (row.state_name, row.state_at) == (flow_run.state_name, flow_run.state_at)
    return not is_same and row.may_advance(flow_run.state, flow_run.state_at)


def _advance(row: Run, flow_run: FlowRun) -> Run:
    failure = _FAILURE.search(flow_run.message)
    row.name = flow_run.name
    row.pool = flow_run.pool or row.pool
    row.state = RunState(flow_run.state)
    row.state_name = flow_run.state_name[:40]
    row.state_at = flow_run.state_at
    row.error_code, row.message = failure.groups() if failure else ("", flow_run.message)
    row.expected_at = flow_run.expected_at
    row.started_at = flow_run.started_at or row.started_at
    row.ended_at = flow_run.ended_at or (flow_run.state_at if row.is_terminal else None)
    return row


def _is_node_news(row: NodeRun, run: Run, task_run: TaskRun) -> bool:
    """A node has a new task run when its flow run was started again: that is a new attempt."""
    if row.task_run_id not in (None, task_run.id):
        is_later = row.state_at is None or task_run.state_at > row.state_at
        return is_later and not run.is_terminal
    is_same = (row.state_name, row.state_at) == (task_run.state_name, task_run.state_at)
    return not is_same and row.may_advance(_state(task_run), task_run.state_at)


def _advance_node(row: NodeRun, task_run: TaskRun) -> NodeRun:
    failure = _FAILURE.search(task_run.message)
    row.task_run_id = task_run.id
    row.attempt = task_run.attempt
    row.state = _state(task_run)
    row.state_name = task_run.state_name[:40]
    row.state_at = task_run.state_at
    row.started_at = task_run.started_at
    row.ended_at = _end(row, task_run)
    row.error_code = failure.group(1) if failure else ""
    row.message = _NODE_PREFIX.sub("", failure.group(2)) if failure else task_run.message
    if outcome := _outcome(task_run):
        row.rows_in, row.rows_out = outcome.get("rows_in"), outcome.get("rows_out")
        row.seconds = outcome.get("seconds")
        row.message = "ran inside the database" if outcome.get("is_inside") else ""
        row.warnings = outcome.get("warnings") or []
        row.columns = outcome.get("columns") or {}
    return row


def _fill_in_reused(rows: Sequence[NodeRun], runs: Mapping[UUID, Run]) -> None:
    """What is known of nodes that were not run again: those of the run that is retried."""
    reused = [row for row in rows if row.is_reused]
    parents = {parent for row in reused if (parent := runs[row.run_id].parent_id)}
    if not parents:
        return
    known = {(n.run_id, n.node_key): n for n in NodeRun.objects.filter(run_id__in=parents)}
    for row in reused:
        parent_id = runs[row.run_id].parent_id
        if parent_id and (before := known.get((parent_id, row.node_key))):
            row.rows_in, row.rows_out = before.rows_in, before.rows_out
            row.seconds, row.warnings = before.seconds, before.warnings
            row.columns = before.columns


def _end(row: NodeRun, task_run: TaskRun) -> datetime | None:
    return task_run.ended_at or (task_run.state_at if row.is_terminal else None)


def _state(task_run: TaskRun) -> RunState:
    if task_run.state == RunState.CANCELLED and task_run.state_name == "Skipped":
        return RunState.SKIPPED
    return RunState(task_run.state)


def _outcome(task_run: TaskRun) -> dict[str, Any]:
    """Figures, warnings and columns, which a completed task run leaves as JSON in its message."""
    if task_run.state != RunState.COMPLETED:
        return {}
    try:
        outcome = json.loads(task_run.message)
    except ValueError:
        return {}
    return outcome if isinstance(outcome, dict) else {}
