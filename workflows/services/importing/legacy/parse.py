"""Payload → nodes and dependencies: JSON texts opened, keys checked."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from engine.plan import canonical_json
from workflows.services.importing.legacy import codes, diagram
from workflows.services.importing.legacy.codes import Findings
from workflows.services.importing.legacy.graph import LegacyGraph, declared, inferred
from workflows.services.importing.legacy.payload import read_node
from workflows.services.strict_json import DuplicateKeys, JSONRefused, loads

NODES = "connectionInformation_v1"
_IDS = ("workflow_id", "workspace_id", "folder_id", "job_id")
#: Keys whose content has a place of its own; every other key is kept as it is.
_PLACED = {NODES, "dependencies", "workflow_diagram", "workflow_name", "description", "parameters"}
#: Exports carry no id: theirs is derived from their content, so that it is the same each time.
_EXPORTS = UUID("5a0b3f0e-5d0b-4f5f-9f51-6f1c2c0a4b7e")


@dataclass(frozen=True, slots=True)
class Payload:
    workflow_id: UUID
    name: str
    description: str
    graph: LegacyGraph
    layout: dict[str, dict[str, float]]
    parameters: dict[str, Any]
    #: Keys without a place of their own, preserved.
    rest: dict[str, Any]


def parse(raw: Mapping[str, Any], findings: Findings) -> Payload:
    """Read a payload. What cannot be read becomes a finding, and the rest is read on."""
    workflow_id = _workflow_id(raw, findings)
    _check_keys(raw, findings)
    layout, nodes, dependencies = _open_graph(raw, findings)
    return Payload(
        workflow_id=workflow_id,
        name=str(raw.get("workflow_name") or "").strip(),
        description=str(raw.get("description") or ""),
        graph=_graph(nodes, dependencies, findings),
        layout=layout,
        parameters=_parameters(raw, findings),
        rest={key: value for key, value in raw.items() if key not in _PLACED},
    )


def _check_keys(raw: Mapping[str, Any], findings: Findings) -> None:
    """All five of the old parser, but exports hold a name and nodes only."""
    required = [*_IDS, "workflow_name"] if any(raw.get(key) for key in _IDS) else ["workflow_name"]
    missing = sorted(key for key in required if not str(raw.get(key) or "").strip())
    if missing:
        named = ", ".join(f"'{key}'" for key in missing)
        message = f"required keys are missing: {named}; add them"
        findings.error(codes.E_SCHEMA, message, keys=missing)


def _workflow_id(raw: Mapping[str, Any], findings: Findings) -> UUID:
    given = raw.get("workflow_id")
    if not given:
        return uuid.uuid5(_EXPORTS, canonical_json(dict(raw)).decode(errors="replace"))
    try:
        return UUID(str(given))
    except ValueError:
        message = f"workflow_id '{given}' is not a UUID; leave it out, or give one"
        findings.error(codes.E_SCHEMA, message, field="workflow_id", keys=["workflow_id"])
        return uuid.uuid4()


def _open_graph(
    raw: Mapping[str, Any], findings: Findings
) -> tuple[dict[str, dict[str, float]], Mapping[str, Any], Mapping[str, Any] | None]:
    """Layout, nodes and dependencies; dependencies are None where the payload has no such key."""
    canvas = _open(raw, "workflow_diagram", findings)
    if canvas:
        drawn = diagram.nodes_of(canvas, findings)
        return diagram.layout_of(canvas), drawn, diagram.dependencies_of(canvas)
    nodes = _open(raw, NODES, findings)
    dependencies = _open(raw, "dependencies", findings) if "dependencies" in raw else None
    if nodes:
        return {}, nodes, dependencies
    if not any(issue.field == NODES or issue.node for issue in findings.errors):
        findings.error(codes.E_EMPTY, _NO_NODES, field=NODES, key=NODES)
    # Without nodes every dependency would be reported as naming an unknown one.
    return {}, {}, {}


def _graph(
    nodes: Mapping[str, Any], dependencies: Mapping[str, Any] | None, findings: Findings
) -> LegacyGraph:
    records = {}
    for key, raw in nodes.items():
        if isinstance(raw, Mapping) and 0 < len(key) <= 90:
            records[key] = read_node(key, raw)
        else:
            message = f"node '{key[:100]}' is not an object with an id of up to 90 characters"
            findings.error(codes.E_SCHEMA, message, node=key, key=NODES)
    if dependencies is None:
        return inferred(records, findings)
    return declared(records, dependencies, findings)


def _parameters(raw: Mapping[str, Any], findings: Findings) -> dict[str, Any]:
    opened = _open(raw, "parameters", findings)
    return {
        key: value
        for key, value in opened.items()
        if value is None or isinstance(value, str | int | float)
    }


def _open(raw: Mapping[str, Any], key: str, findings: Findings) -> Mapping[str, Any]:
    """The object under ``key``, be it given as such or as JSON text; empty if there is none."""
    value = raw.get(key)
    if isinstance(value, str) and value.strip():
        value = _load(key, value, findings)
    if value in (None, "") or isinstance(value, Mapping):
        return value or {}
    if value is not _REFUSED:
        message = f"'{key}' is {type(value).__name__}; expected an object, or one as JSON text"
        findings.error(codes.E_SCHEMA, message, field=key, key=key)
    return {}


_REFUSED = object()
_NO_NODES = f"the payload has no nodes; expected an object of at least one under '{NODES}'"


def _load(key: str, text: str, findings: Findings) -> Any:
    try:
        return loads(text)
    except DuplicateKeys as error:
        if key != NODES or not error.top_level:
            findings.error(codes.E_JSON, f"'{key}': {error.message}", field=key, key=key)
        for node in error.top_level if key == NODES else ():
            message = f"node '{node}' is given twice; give each node once"
            findings.error(codes.E_DUPLICATE_NODE, message, node=node)
    except JSONRefused as error:
        message = f"'{key}' is {error.message}; expected one whole JSON object"
        findings.error(
            codes.E_JSON, message, field=key, key=key, line=error.line, column=error.column
        )
    return _REFUSED
