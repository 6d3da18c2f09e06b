"""``workflow_diagram``: the newer canvas format, read as the same nodes and dependencies.

Edges decide what is a source and what a target; ``config.operation`` of a connector is not
asked. Of the transforms only ``filter`` is known well enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.services.importing.legacy import codes
from workflows.services.importing.legacy.codes import Findings


def nodes_of(diagram: Mapping[str, Any], findings: Findings) -> dict[str, Any]:
    """The diagram's nodes in the form of ``connectionInformation_v1``."""
    nodes: dict[str, Any] = {}
    for raw in _list(diagram.get("nodes")):
        node_id = str(raw.get("id") or "")
        if node_id in nodes:
            message = f"the diagram has two nodes with the id '{node_id}'"
            findings.error(codes.E_DUPLICATE_NODE, message, node=node_id)
        nodes[node_id] = _node(_mapping(raw.get("data")))
    return nodes


def dependencies_of(diagram: Mapping[str, Any]) -> dict[str, list[str]]:
    """Child → parents, from the edges."""
    parents: dict[str, list[str]] = {}
    for edge in _list(diagram.get("edges")):
        parents.setdefault(str(edge.get("target")), []).append(str(edge.get("source")))
    return parents


def layout_of(diagram: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Where the nodes stand; nodes without a position are left out."""
    return {
        str(raw.get("id")): {axis: float(position[axis]) for axis in ("x", "y")}
        for raw in _list(diagram.get("nodes"))
        if isinstance(position := raw.get("position"), Mapping)
        and all(isinstance(position.get(axis), int | float) for axis in ("x", "y"))
    }


def _node(data: Mapping[str, Any]) -> dict[str, Any]:
    config = _mapping(data.get("config"))
    if data.get("nodeType") == "connector":
        return {
            "connector_type": data.get("connectorType"),
            "connector_id": data.get("connectorId") or config.get("connectorId"),
            "connector_category": "Databases",
            "node_name": data.get("label"),
            "dbDetails": _database(config),
        }
    column = {"name": "", "expression": {"value": config.get("expression")}}
    operation = config.get("operation")
    known = operation == "filter"
    return {
        "connector_type": operation if known else f"{operation} of a diagram",
        "connector_category": "Transformations",
        "node_name": data.get("label"),
        "transformations": {"transformations": [column]} if known else {},
    }


def _database(config: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("schema", "table", "columns", "truncateTable")
    return {"sql": config.get("query") or ""} | {key: config[key] for key in kept if key in config}


def _mapping(raw: Any) -> Mapping[str, Any]:
    return raw if isinstance(raw, Mapping) else {}


def _list(raw: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in raw if isinstance(entry, Mapping)] if isinstance(raw, list) else []
