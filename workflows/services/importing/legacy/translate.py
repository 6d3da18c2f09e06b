"""A legacy payload as a definition of ours; pure but for reading its arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from engine.plan import AFTER
from workflows.definition import Definition, DependencyDefinition, NodeDefinition
from workflows.services.importing.legacy import codes
from workflows.services.importing.legacy.codes import Findings
from workflows.services.importing.legacy.connections import Connections
from workflows.services.importing.legacy.databases import (
    refuse_missing_tables,
    translate_database,
)
from workflows.services.importing.legacy.graph import LegacyGraph, check
from workflows.services.importing.legacy.parse import Payload, parse
from workflows.services.importing.legacy.schedule import read_schedule
from workflows.services.importing.legacy.transforms import translate_transform
from workflows.services.importing.legacy.translated import Projected, Translated, select

#: Keys of extra nodes: that of their node and this. One carries a projection, the other
#: reads the table that its node has loaded.
SELECT_SUFFIX = "__select"
READ_SUFFIX = "__read"


@dataclass(frozen=True, slots=True)
class Translation:
    """``definition`` is None when ``findings`` has errors."""

    workflow_id: UUID
    name: str
    graph: LegacyGraph
    definition: Definition | None
    layout: dict[str, dict[str, float]]
    rest: dict[str, Any]
    findings: Findings


def translate(
    raw: Mapping[str, Any],
    connections: Connections,
    *,
    schedule: str = "",
    timezone: str = "UTC",
    preferred_pool: str = "",
) -> Translation:
    """Translate a payload, collecting every problem it has."""
    findings = Findings()
    payload = parse(raw, findings)
    schedules = read_schedule(schedule, timezone, findings)
    check(payload.graph, findings)
    nodes = _translate_nodes(payload.graph, connections, findings)
    definition = None
    if not findings.errors:
        definition = _definition(payload, nodes, findings, schedules, preferred_pool)
    return Translation(
        payload.workflow_id,
        payload.name,
        payload.graph,
        definition,
        payload.layout,
        payload.rest,
        findings,
    )


def _translate_nodes(
    graph: LegacyGraph, connections: Connections, findings: Findings
) -> dict[str, Translated]:
    translated: dict[str, Translated] = {}
    # Which end of a cycle a node stands at cannot be said.
    if findings.has(codes.E_CYCLE):
        return translated
    refuse_missing_tables(graph, findings)
    for node in graph.nodes.values():
        found = (
            translate_database(node, graph, connections, findings)
            if node.is_database
            else translate_transform(node, graph, findings)
        )
        if found is not None:
            translated[node.id] = found
    return translated


def _definition(
    payload: Payload,
    nodes: Mapping[str, Translated],
    findings: Findings,
    schedules: tuple[Any, ...],
    preferred_pool: str,
) -> Definition | None:
    selected = dict(_needed_selects(payload.graph, nodes))
    try:
        return Definition(
            name=payload.name[:200],
            description=payload.description,
            nodes=tuple(_nodes(payload.graph, nodes, selected)),
            dependencies=tuple(_dependencies(payload.graph, nodes, selected)),
            schedules=schedules,
            parameters=payload.parameters,
            preferred_pool=preferred_pool,
            needs_high_memory=payload.rest.get("needs_high_memory") is True,
        )
    except ValidationError as error:
        for problem in error.errors():
            where = ".".join(map(str, problem["loc"]))
            findings.error(codes.E_SCHEMA, f"'{where}': {problem['msg']}", field=where)
        return None


def _needed_selects(
    graph: LegacyGraph, nodes: Mapping[str, Translated]
) -> Iterator[tuple[str, tuple[Projected, ...]]]:
    """Projections that somebody would miss.

    Most are repeated by what follows (a target's mapping, a join's columns); a node of
    its own for them would only make the picture larger.
    """
    for key, node in nodes.items():
        if node.projection is None:
            continue
        outputs = {column.output for column in node.projection}
        is_renaming = any(column.rename for column in node.projection)
        wanted = [nodes[child].needs(key) for child in graph.children[key]]
        if is_renaming or any(names is None or not names <= outputs for names in wanted):
            yield key, node.projection


def _nodes(
    graph: LegacyGraph,
    nodes: Mapping[str, Translated],
    selected: Mapping[str, tuple[Projected, ...]],
) -> Iterator[NodeDefinition]:
    for level in graph.levels:
        for key in level:
            name = graph.nodes[key].name[:180]
            yield NodeDefinition(key=key, name=name, kind=nodes[key].kind, config=nodes[key].config)
            if again := nodes[key].read_again:
                yield NodeDefinition(
                    key=key + READ_SUFFIX,
                    name=f"{name}: read again",
                    kind=again.kind,
                    config=again.config,
                )
            if key in selected:
                extra = select(selected[key])
                yield NodeDefinition(
                    key=key + SELECT_SUFFIX,
                    name=f"{name}: columns",
                    kind=extra.kind,
                    config=extra.config,
                )


def _dependencies(
    graph: LegacyGraph,
    nodes: Mapping[str, Translated],
    selected: Mapping[str, tuple[Projected, ...]],
) -> Iterator[DependencyDefinition]:
    for parent, child in graph.edges:
        suffix = SELECT_SUFFIX if parent in selected else ""
        yield DependencyDefinition(
            source=parent + (READ_SUFFIX if nodes[parent].read_again else suffix),
            target=child,
            target_port=nodes[child].ports.get(parent, "in"),
        )
    for key, node in nodes.items():
        if node.read_again:
            yield DependencyDefinition(source=key, target=key + READ_SUFFIX, target_port=AFTER)
    for key in selected:
        yield DependencyDefinition(source=key, target=key + SELECT_SUFFIX)
