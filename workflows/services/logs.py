"""Log lines of a run, read from Prefect when somebody looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from workers.prefect.current import gateway
from workers.prefect.gateway import LogLine
from workflows.models import NodeRun, Run


@dataclass(frozen=True, slots=True)
class LogEntry:
    """``node_key`` is empty for lines of the run itself; ``level`` as in Python's logging."""

    at: datetime
    level: int
    message: str
    node_key: str = ""
    node_name: str = ""
    task_run_id: UUID | None = None


def read(
    run: Run, node_key: str = "", level: int = 0, offset: int = 0, limit: int = 200
) -> list[LogEntry]:
    """Lines of at least ``level``, oldest first; of one node, or of the whole run.

    Raises GatewayError.
    """
    nodes = {row.task_run_id: row for row in run.node_runs.exclude(task_run_id=None)}
    task_run_id = None
    if node_key:
        task_run_id = next((pk for pk, row in nodes.items() if row.node_key == node_key), None)
        if task_run_id is None:
            return []
    lines = gateway().logs(run.pk, task_run_id=task_run_id, level=level, offset=offset, limit=limit)
    return [_entry(line, nodes.get(line.task_run_id)) for line in lines]


def _entry(line: LogLine, node: NodeRun | None) -> LogEntry:
    return LogEntry(
        at=line.at,
        level=line.level,
        message=line.message,
        node_key=node.node_key if node else "",
        node_name=(node.node_name or node.node_key) if node else "",
        task_run_id=line.task_run_id,
    )
