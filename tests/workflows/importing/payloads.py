"""Payloads of the existing system, made to measure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parents[4] / "shared" / "legacy"
#: The connector_id that every payload of the corpus names.
CONNECTOR_ID = "0c7fa440-b56b-54f2-aaba-a38bb9b18cd3"


def payload(nodes: dict[str, Any], dependencies: Any = None, **more: Any) -> dict[str, Any]:
    """A payload of these nodes and dependencies, complete but for what the test says."""
    made = {
        "workflow_id": "dab94e95-1822-5942-bba5-5fc68c4a672f",
        "workflow_name": "Toys > 3",
        "workspace_id": "w",
        "folder_id": "f",
        "job_id": "j",
        "connectionInformation_v1": json.dumps(nodes),
    }
    if dependencies is not None:
        made["dependencies"] = json.dumps(dependencies)
    return made | more


def source(table: str = "toys", sequence: int = 1, **details: Any) -> dict[str, Any]:
    return {
        "connector_type": "postgresql",
        "connector_category": "Databases",
        "node_name": f"{table} source",
        "dbDetails": {"db": "neondb", "schema": "public", "table": table, "sql": "", **details},
        "sequence": sequence,
    }


def target(
    table: str = "sold", mapping: list[dict[str, Any]] | None = None, sequence: int = 9
) -> dict[str, Any]:
    return {
        "connector_type": "postgresql",
        "connector_category": "Databases",
        "node_name": f"{table} target",
        "dbDetails": {"db": "neondb", "schema": "public", "table": table, "truncateTable": True},
        "field_mapping": mapping or [],
        "sequence": sequence,
    }


def transform(
    connector_type: str,
    columns: dict[str, str],
    mapping: list[dict[str, Any]] | None = None,
    *,
    is_export: bool = True,
    sequence: int = 2,
) -> dict[str, Any]:
    """``columns``: name → expression, which may be empty."""
    listed = [
        {"name": name, "value": name, "selected": True, "expression": {"value": expression}}
        for name, expression in columns.items()
    ]
    return {
        "connector_type": connector_type,
        "connector_category": "Transformations",
        "node_name": f"the {connector_type}",
        "dbDetails": {},
        "transformations": {"source": {"columns": listed}}
        if is_export
        else {"transformations": listed},
        "field_mapping": mapping or [],
        "sequence": sequence,
    }


def mapped(*pairs: str, **more: Any) -> list[dict[str, Any]]:
    """Entries of ``field_mapping`` from ``name`` or ``name:target``."""
    split = [pair.partition(":") for pair in pairs]
    return [
        {"name": name, "value": name, "selected": True, "target": target or name, **more}
        for name, _, target in split
    ]
