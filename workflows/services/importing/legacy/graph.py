"""Which node follows which: as declared, or inferred where an export has no dependencies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any

from workflows.services.importing.legacy import codes
from workflows.services.importing.legacy.codes import Findings
from workflows.services.importing.legacy.payload import LegacyNode

#: Keys of ``dependencies`` that are no node.
_METADATA = frozenset({"execution_order"})


@dataclass(frozen=True)
class LegacyGraph:
    """Nodes and their parents. Known to be acyclic once ``check`` has found nothing."""

    nodes: Mapping[str, LegacyNode]
    parents: Mapping[str, tuple[str, ...]]

    @cached_property
    def children(self) -> Mapping[str, tuple[str, ...]]:
        children: dict[str, list[str]] = {key: [] for key in self.nodes}
        for child, parents in self.parents.items():
            for parent in parents:
                children[parent].append(child)
        return {key: tuple(found) for key, found in children.items()}

    @property
    def edges(self) -> list[tuple[str, str]]:
        """Every ``(parent, child)``, sorted."""
        return sorted(
            (parent, child) for child, parents in self.parents.items() for parent in parents
        )

    @cached_property
    def levels(self) -> list[list[str]]:
        """Ids by level: each level needs only the ones before. Raises CycleError."""
        sorter = TopologicalSorter(self.parents)
        sorter.prepare()
        levels = []
        while ready := sorter.get_ready():
            levels.append(sorted(ready))
            sorter.done(*ready)
        return levels

    def upstream(self, node_id: str) -> Iterator[LegacyNode]:
        """The node itself and everything that feeds it, each once."""
        waiting, seen = [node_id], set()
        while waiting:
            current = waiting.pop()
            if current not in seen:
                seen.add(current)
                yield self.nodes[current]
                waiting.extend(self.parents[current])


def declared(
    nodes: Mapping[str, LegacyNode], dependencies: Mapping[str, Any], findings: Findings
) -> LegacyGraph:
    """Child → parents as given; a node without a key has no parents."""
    parents: dict[str, tuple[str, ...]] = dict.fromkeys(nodes, ())
    for child, given in dependencies.items():
        if child in _METADATA:
            continue
        if not isinstance(given, list):
            message = f"the parents of '{child}' are not a list; expected a list of node ids"
            findings.error(codes.E_SCHEMA, message, key=f"dependencies.{child}")
        elif child not in nodes:
            message = f"dependencies name '{child}', which is not a node; add it, or leave it out"
            findings.error(codes.E_UNKNOWN_NODE, message, node=child)
        else:
            parents[child] = tuple(_known_parents(child, given, nodes, findings))
    return LegacyGraph(nodes, parents)


def _known_parents(
    child: str, given: Sequence[Any], nodes: Mapping[str, LegacyNode], findings: Findings
) -> Iterator[str]:
    for parent in dict.fromkeys(map(str, given)):
        if parent in nodes:
            yield parent
        else:
            message = (
                f"{nodes[child].shown} follows '{parent}', which is not a node; add that node, or "
                "take it out of the dependencies"
            )
            findings.error(codes.E_UNKNOWN_PARENT, message, node=child, parent=parent)


def inferred(nodes: Mapping[str, LegacyNode], findings: Findings) -> LegacyGraph:
    """Edges from ``sequence``: a node follows those with the next lower number.

    Two exceptions: a join takes the inputs that its two tables name, and a database node
    that has what only a source has is a source, whatever its number.
    """
    message = "the payload has no dependencies; they were inferred from the nodes' sequence"
    findings.warn(codes.W_DEPENDENCIES_INFERRED, message)
    graph = LegacyGraph(nodes, dict.fromkeys(nodes, ()))
    by_sequence = sorted(nodes.values(), key=lambda node: node.sequence or 0)
    for node in by_sequence:
        earlier = [n for n in by_sequence if (n.sequence or 0) < (node.sequence or 0)]
        parents = _inferred_parents(node, earlier, graph)
        graph = LegacyGraph(nodes, {**graph.parents, node.id: parents})
    return graph


def _inferred_parents(
    node: LegacyNode, earlier: Sequence[LegacyNode], graph: LegacyGraph
) -> tuple[str, ...]:
    if not earlier or _looks_like_a_source(node):
        return ()
    if node.connector_type == "join":
        join = node.transformations.get("join") or {}
        sides = (join.get("source_table"), join.get("target_table"))
        found = [_latest_with(str(side or ""), earlier, graph) for side in sides]
        return tuple(dict.fromkeys(parent for parent in found if parent))
    last = max(n.sequence or 0 for n in earlier)
    return tuple(n.id for n in earlier if (n.sequence or 0) == last)


def _looks_like_a_source(node: LegacyNode) -> bool:
    reads = "sql" in node.database or "filter" in node.database
    return node.is_database and reads and not node.has_mapping and not is_loading(node)


def _latest_with(table: str, earlier: Sequence[LegacyNode], graph: LegacyGraph) -> str:
    """The latest node through which rows of ``table`` pass; empty if there is none."""
    for node in reversed(earlier):
        if table and table in names_of(node):
            break
    else:
        return ""
    through = [n for n in earlier if not n.is_database or n.id == node.id]
    passed = [n for n in through if any(table in names_of(up) for up in graph.upstream(n.id))]
    return passed[-1].id


def names_of(node: LegacyNode) -> frozenset[str]:
    """What a join may call this node: its id, its name, its table."""
    return frozenset({node.id, node.name, node.table} - {""})


def is_loading(node: LegacyNode) -> bool:
    return node.is_database and "truncateTable" in node.database


def check(graph: LegacyGraph, findings: Findings) -> None:
    """Cycles, loose ends and numbers that contradict the graph."""
    try:
        _ = graph.levels
    except CycleError as error:
        *cycle, _ = error.args[1]
        path = " → ".join(graph.nodes[key].shown for key in (*cycle, cycle[0]))
        message = f"nodes form a cycle: {path}; remove one of these dependencies"
        findings.error(codes.E_CYCLE, message, nodes=sorted(cycle))
        return
    _check_loose_ends(graph, findings)
    _check_sequence(graph, findings)


def _check_loose_ends(graph: LegacyGraph, findings: Findings) -> None:
    loose = [node.id for node in graph.nodes.values() if _is_loose(node, graph)]
    # A node whose only parent is unknown is reported as that, and not again as loose.
    if loose and not findings.has(codes.E_UNKNOWN_PARENT, codes.E_UNKNOWN_NODE):
        shown = ", ".join(graph.nodes[key].shown for key in loose)
        message = f"not connected: {shown}; connect or remove them"
        findings.error(codes.E_UNCONNECTED, message, nodes=sorted(loose))


def _is_loose(node: LegacyNode, graph: LegacyGraph) -> bool:
    has_parents, has_children = bool(graph.parents[node.id]), bool(graph.children[node.id])
    if node.is_database:
        return is_loading(node) and not has_parents
    # How many inputs a join has is its own finding.
    return not has_children or not (has_parents or node.connector_type == "join")


def _check_sequence(graph: LegacyGraph, findings: Findings) -> None:
    for parent, child in graph.edges:
        before, after = graph.nodes[parent].sequence, graph.nodes[child].sequence
        if before is not None and after is not None and before >= after:
            message = (
                f"sequence {after} of '{child}' does not follow {before} of its parent "
                f"'{parent}'; the dependencies decide"
            )
            findings.warn(codes.W_SEQUENCE_MISMATCH, message, node=child)
