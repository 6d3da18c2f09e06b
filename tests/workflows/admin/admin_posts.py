"""What a browser posts for the admin's forms."""

from __future__ import annotations

from typing import Any


def rows_of(prefix: str, *rows: dict[str, Any]) -> dict[str, Any]:
    """A formset as a browser posts it; rows with an ``id`` are there already."""
    existing = sum(1 for row in rows if row.get("id"))
    posted: dict[str, Any] = {
        f"{prefix}-TOTAL_FORMS": len(rows),
        f"{prefix}-INITIAL_FORMS": existing,
        f"{prefix}-MIN_NUM_FORMS": 0,
        f"{prefix}-MAX_NUM_FORMS": 1000,
    }
    for number, row in enumerate(rows):
        posted |= {f"{prefix}-{number}-{name}": value for name, value in row.items()}
    return posted


def workflow_form(workflow: Any = None, **changes: Any) -> dict[str, Any]:
    """The form of a workflow without nodes; ``changes`` are put on top."""
    return {
        "name": "Orders",
        "slug": "orders",
        "team": workflow.team_id if workflow else "",
        "description": "",
        "tags": "",
        "is_enabled": "on",
        "parameters": "{}",
        "overlap": "queue",
        **rows_of("nodes"),
        **rows_of("dependencies"),
        **rows_of("schedules"),
        **changes,
    }


def node(key: str, **changes: Any) -> dict[str, Any]:
    return {
        "key": key,
        "kind": "filter",
        "config": "{}",
        "position": 0,
        "retries": 0,
        "retry_delay_seconds": 10,
        **changes,
    }


def edge(source: str, target: str, **changes: Any) -> dict[str, Any]:
    ports = {"source_port": "out", "target_port": "in"}
    return {"source_key": source, "target_key": target, **ports, **changes}
