"""Database nodes: first in the graph they read, last they load."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from engine.errors import ExpressionError
from engine.readonly import refusal
from engine.suggestion import unknown
from workflows.services.importing.legacy import codes
from workflows.services.importing.legacy.codes import Findings
from workflows.services.importing.legacy.connections import Connections, known_types, medium_of
from workflows.services.importing.legacy.expressions import translate_expression
from workflows.services.importing.legacy.fields import target_columns
from workflows.services.importing.legacy.graph import LegacyGraph
from workflows.services.importing.legacy.payload import LegacyNode, clean
from workflows.services.importing.legacy.translated import Translated

_WHERE = re.compile(r"where\b", re.IGNORECASE)
_LONGEST_NAME_BYTES = 63


def translate_database(
    node: LegacyNode, graph: LegacyGraph, connections: Connections, findings: Findings
) -> Translated | None:
    """A source where nothing comes before it, else a target, whose whole table is read again
    for what follows it; None with findings if neither.
    """
    medium = medium_of(node.connector_type)
    if medium not in ("database", "documents"):
        message = (
            f"{node.shown}: {unknown('connector', node.connector_type, known_types())}; choose one "
            "of them, or install the package that brings it"
        )
        findings.error(
            codes.E_UNKNOWN_CONNECTOR,
            message,
            node=node.id,
            field="connector_type",
            connector_type=node.connector_type,
        )
        return None
    place = {"connection": connections.slug_for(node, findings), **_table(node, findings)}
    if not graph.parents[node.id]:
        read = _collection_source if medium == "documents" else _source
        return read(node, place, findings)
    if len(graph.parents[node.id]) > 1:
        _refuse_inputs(node, len(graph.parents[node.id]), findings)
    write = _collection_target if medium == "documents" else _target
    loaded = write(node, graph, place, findings)
    if not graph.children[node.id]:
        return loaded
    read = _collection_source if medium == "documents" else _source
    return replace(loaded, read_again=read(node, place, findings))


def refuse_missing_tables(graph: LegacyGraph, findings: Findings) -> None:
    """One finding for all database nodes that say neither table nor sql."""
    nodes = sorted(graph.nodes.values(), key=lambda node: node.id)
    missing = [n for n in nodes if n.is_database and not n.table and not _sql(n)]
    if missing:
        shown = ", ".join(node.shown for node in missing)
        message = f"neither table nor sql is given at {shown}; give one of them"
        findings.error(codes.E_MISSING_TABLE, message, nodes=[node.id for node in missing])


def _refuse_inputs(node: LegacyNode, count: int, findings: Findings) -> None:
    message = f"{node.shown} has {count} inputs; a target takes one: unite them in a node before"
    findings.error(codes.E_NOT_SUPPORTED, message, node=node.id)


def _source(node: LegacyNode, place: dict[str, Any], findings: Findings) -> Translated:
    sql, condition = _sql(node), clean(node.database.get("filter"))
    if not sql:
        columns = node.database.get("columns")
        chosen = {"columns": [str(name) for name in columns]} if columns else {}
        return Translated("database_source", place | _filter(node, condition, findings) | chosen)
    if condition:
        message = "both sql and filter are given; sql wins, the filter is ignored"
        findings.warn(codes.W_FILTER_IGNORED, message, node=node.id, field="dbDetails.filter")
    _refuse_writes(node, sql, findings)
    return Translated("database_source", {"connection": place["connection"], "sql": sql})


def _target(
    node: LegacyNode, graph: LegacyGraph, place: dict[str, Any], findings: Findings
) -> Translated:
    mode = "replace" if node.database.get("truncateTable") is True else "append"
    columns = target_columns(node, graph, findings)
    for column in columns:
        check_identifier(column["target"], node, "field_mapping", findings)
    return Translated("database_target", {**place, "mode": mode, "columns": columns})


def _collection_source(node: LegacyNode, place: dict[str, Any], findings: Findings) -> Translated:
    if _sql(node):
        message = f"'{node.name}' reads MongoDB by SQL, which it does not have; name a collection"
        findings.error(codes.E_NOT_SUPPORTED, message, node=node.id, field="dbDetails.sql")
    fields = [{"path": str(name)} for name in node.database.get("columns") or ()]
    condition = _filter(node, clean(node.database.get("filter")), findings)
    return Translated("mongodb_source", _collection(place) | condition | {"fields": fields})


def _collection_target(
    node: LegacyNode, graph: LegacyGraph, place: dict[str, Any], findings: Findings
) -> Translated:
    loaded = _target(node, graph, place, findings).config
    chosen = {key: loaded[key] for key in ("mode", "columns")}
    return Translated("mongodb_target", _collection(place) | chosen)


def _collection(place: dict[str, Any]) -> dict[str, Any]:
    return {"connection": place["connection"], "collection": place.get("table", "")}


def _table(node: LegacyNode, findings: Findings) -> dict[str, str]:
    place = {key: str(node.database.get(key) or "").strip() for key in ("schema", "table")}
    for key, name in place.items():
        if name:
            check_identifier(name, node, f"dbDetails.{key}", findings)
    return {key: name for key, name in place.items() if name}


def _filter(node: LegacyNode, condition: str, findings: Findings) -> dict[str, str]:
    condition = _WHERE.sub("", condition, count=1).strip() if _WHERE.match(condition) else condition
    if not condition:
        return {}
    try:
        return {"filter": translate_expression(condition)}
    except ExpressionError as error:
        key = "dbDetails.filter"
        message = f"'{condition[:200]}': {error.message}"
        findings.error(codes.E_EXPRESSION, message, node=node.id, field=key, key=key)
        return {}


def _sql(node: LegacyNode) -> str:
    return clean(node.database.get("sql")).rstrip("; \t\r\n")


def _refuse_writes(node: LegacyNode, sql: str, findings: Findings) -> None:
    if reason := refusal(sql):
        key = "dbDetails.sql"
        message = f"sql of '{node.name}' is refused: {reason}"
        findings.error(codes.E_SQL_NOT_READONLY, message, node=node.id, field=key, key=key)


def check_identifier(name: str, node: LegacyNode, key: str, findings: Findings) -> None:
    """Every name is quoted where it is used, so only what no database takes is refused."""
    if len(name.encode()) > _LONGEST_NAME_BYTES or not name.isprintable():
        message = (
            f"'{name[:80]}' is no name for a table or column; "
            f"expected at most {_LONGEST_NAME_BYTES} printable bytes"
        )
        findings.error(codes.E_IDENTIFIER, message, node=node.id, field=key, key=key)
