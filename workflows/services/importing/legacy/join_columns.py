"""Sides and columns of a join, which the payload gives by table, not by order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflows.services.importing.legacy.graph import LegacyGraph, names_of
from workflows.services.importing.legacy.payload import LegacyNode, SourceColumn


@dataclass(frozen=True, slots=True)
class JoinColumn:
    """A column that leaves a join, under the name ``output``."""

    side: str
    name: str
    table: str
    parent: str
    output: str


def join_settings(node: LegacyNode) -> Mapping[str, Any]:
    """``transformations.join``: type, tables and conditions."""
    settings = node.transformations.get("join")
    return settings if isinstance(settings, Mapping) else {}


def sides_of(node: LegacyNode, graph: LegacyGraph) -> tuple[str, str] | None:
    """Ids of the left and the right parent; None where the tables do not tell them apart.

    A table names a parent that is the table, or is called so; else one that its rows pass.
    """
    parents = graph.parents[node.id]
    settings = join_settings(node)
    left = _parents_with(str(settings.get("source_table") or ""), parents, graph)
    right = _parents_with(str(settings.get("target_table") or ""), parents, graph)
    fitting = [(a, b) for a in left for b in right if a != b]
    return fitting[0] if len(fitting) == 1 else None


def join_columns(node: LegacyNode, graph: LegacyGraph) -> list[JoinColumn]:
    """Selected columns of both sides; the right one of two equal names gets a suffix."""
    sides = sides_of(node, graph) if len(graph.parents[node.id]) == 2 else None
    if sides is None:
        return []
    found: list[JoinColumn] = []
    taken: set[str] = set()
    for column in sorted(_listed(node), key=lambda column: column.is_target):
        side, parent = ("right", sides[1]) if column.is_target else ("left", sides[0])
        output = f"{column.name}_right" if column.name in taken else column.name
        taken.add(output)
        found.append(JoinColumn(side, column.name, column.table, parent, output))
    return found


def _listed(node: LegacyNode) -> tuple[SourceColumn, ...]:
    return tuple(column for column in node.listed_columns if column.is_selected)


def _parents_with(table: str, parents: tuple[str, ...], graph: LegacyGraph) -> list[str]:
    named = [parent for parent in parents if table in names_of(graph.nodes[parent])]
    return named or [
        parent
        for parent in parents
        if any(table in names_of(node) for node in graph.upstream(parent))
    ]
