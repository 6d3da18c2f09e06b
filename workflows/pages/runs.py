"""The page of a run: state, error, nodes, log; live while it goes on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from workers.pages.badges import Badge
from workers.pages.formats import count, duration, moment
from workflows.models import FAILED_STATES, NodeRun, Run, RunState, WorkflowVersion
from workflows.pages.advice import advice
from workflows.pages.badges import node_badge, run_badge
from workflows.pages.changes import changes, last_good_run
from workflows.pages.logs import log_viewer
from workflows.pages.picture import Picture, picture_of_version
from workflows.pages.receipts import receipt_view
from workflows.pages.timeline import Bar, timeline
from workflows.pages.waiting import waiting_note, waiting_of
from workflows.services.observing import settle

_NOT_STARTED = Badge("idle", "schedule", "Waiting")


@dataclass(frozen=True, slots=True)
class NodeLine:
    """One node of a run, as a row of a table."""

    key: str
    name: str
    kind: str
    badge: Badge
    rows_in: str = count(None)
    rows_out: str = count(None)
    time: str = duration(None)
    message: str = ""
    bar: Bar | None = None


@dataclass(frozen=True, slots=True)
class ErrorCard:
    """The cause; ``key`` is empty when the run failed as a whole."""

    key: str
    title: str
    code: str
    message: str
    advice: str


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run, as a row of a table."""

    id: UUID
    workflow: str
    badge: Badge
    at: str
    trigger: str
    version: int | None
    duration: str
    waiting: str = ""


def with_page(runs: QuerySet[Run]) -> QuerySet[Run]:
    """The runs with all that their page shows."""
    rows = runs.select_related("workflow__registration__version", "version", "parent")
    return rows.prefetch_related("node_runs", "retries")


def run_lines(runs: Iterable[Run]) -> list[RunLine]:
    rows = list(runs)
    reasons = waiting_of(rows)
    return [_run_line(run, reasons[run.pk].text if run.pk in reasons else "") for run in rows]


def _run_line(run: Run, waiting: str) -> RunLine:
    return RunLine(
        id=run.pk,
        workflow=run.workflow.name,
        badge=run_badge(run.state),
        at=moment(run.created_at),
        trigger=run.get_trigger_display(),
        version=run.version.number if run.version else None,
        duration=duration(run.duration_seconds),
        waiting=waiting,
    )


def run_context(run: Run, viewer: Any) -> dict[str, Any]:
    """All that the templates ``live/run-….html`` show."""
    node_runs = _node_runs(run)
    scale = timeline(node_runs, run.ended_at or timezone.now())
    return {
        "run": run,
        "badge": run_badge(run.state),
        "error": _error(run, node_runs),
        "waiting": waiting_note(run, viewer),
        "nodes": _node_lines(run, node_runs, scale.bars if scale else {}),
        "scale": scale.length if scale else "",
        **_compared(run),
        "retried_as": _retried_as(run),
        "picture": _picture(run, node_runs),
        "started": moment(run.started_at),
        "ended": moment(run.ended_at),
        "expected": moment(run.expected_at),
        "duration": duration(_seconds(run)),
        "receipt": receipt_view(run.receipt, run.pool),
        "log_nodes": [(row.node_key, row.node_name or row.node_key) for row in node_runs],
        **log_viewer(run),
    }


def _seconds(run: Run) -> float | None:
    if run.started_at and not run.ended_at and not run.is_terminal:
        return (timezone.now() - run.started_at).total_seconds()
    return run.duration_seconds


def _compared(run: Run) -> dict[str, Any]:
    """With the last run that went well, as soon as this one has ended."""
    good = last_good_run(run) if run.is_terminal else None
    return {"good_run": good, "changes": changes(good, run) if good else []}


def _node_runs(run: Run) -> list[NodeRun]:
    """Nodes that a cancelled run left are over with it, whatever Prefect still says of them."""
    rows = list(run.node_runs.all())
    for row in rows:
        if run.state == RunState.CANCELLED and not row.is_terminal:
            settle(row)
    return rows


def _retried_as(run: Run) -> WorkflowVersion | None:
    """The version that a retry would run, where that is another one."""
    registration = getattr(run.workflow, "registration", None)
    registered: WorkflowVersion | None = registration.version if registration else None
    is_other = registered is not None and registered != run.version
    return registered if is_other and run.is_terminal else None


def _error(run: Run, node_runs: list[NodeRun]) -> ErrorCard | None:
    """The cause: what the node that failed first says, or else the run itself."""
    if run.state not in FAILED_STATES:
        return None
    failed = [row for row in node_runs if row.state in FAILED_STATES]
    failed.sort(key=lambda row: row.ended_at or row.state_at or run.created_at)
    cause: NodeRun | Run = failed[0] if failed else run
    code = cause.error_code or run.error_code
    return ErrorCard(
        key=failed[0].node_key if failed else "",
        title=_failure(failed[0]) if failed else "The run failed",
        code=code,
        message=cause.message or run.message or "no message came with the failure; see the log",
        advice=advice(code),
    )


def _failure(row: NodeRun) -> str:
    name = row.node_name or row.node_key
    if row.state == RunState.CRASHED:
        return f"Crashed while node '{name}' was at work"
    return f"Failed at node '{name}'"


def _node_lines(run: Run, node_runs: list[NodeRun], bars: Mapping[str, Bar]) -> list[NodeLine]:
    """Nodes in the order of the version that ran, those that have not started included."""
    seen = {row.node_key: row for row in node_runs}
    planned = run.version.definition.get("nodes", []) if run.version else []
    keys = [node["key"] for node in planned]
    rest = [row for key, row in seen.items() if key not in keys]
    waiting = run_badge(RunState.SKIPPED) if run.is_terminal else _NOT_STARTED
    return [
        _line(seen[node["key"]], bars)
        if node["key"] in seen
        else NodeLine(node["key"], node.get("name") or node["key"], node["kind"], waiting)
        for node in planned
    ] + [_line(row, bars) for row in rest]


def _picture(run: Run, node_runs: list[NodeRun]) -> Picture | None:
    if run.version is None:
        return None
    not_run = run_badge(RunState.SKIPPED) if run.is_terminal else _NOT_STARTED
    return picture_of_version(run.version.definition, run.version.layout, node_runs, not_run)


def _line(row: NodeRun, bars: Mapping[str, Bar]) -> NodeLine:
    seconds = row.seconds if row.seconds is not None else row.duration_seconds
    return NodeLine(
        key=row.node_key,
        name=row.node_name or row.node_key,
        kind=row.kind,
        badge=node_badge(row, _NOT_STARTED),
        rows_in=count(row.rows_in),
        rows_out=count(row.rows_out),
        time=duration(seconds),
        message=row.message if row.state in FAILED_STATES else "; ".join(row.warnings),
        bar=bars.get(row.node_key),
    )
