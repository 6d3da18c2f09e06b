"""What ``field_mapping`` says, which depends on where it stands.

On a target it decides what is loaded. On a transform in sample shape it is the projection.
On a transform in export shape it is stale state of the old editor.
"""

from __future__ import annotations

from workflows.services.importing.legacy import codes
from workflows.services.importing.legacy.codes import Findings
from workflows.services.importing.legacy.graph import LegacyGraph, names_of
from workflows.services.importing.legacy.join_columns import join_columns
from workflows.services.importing.legacy.payload import LegacyNode, MappedField
from workflows.services.importing.legacy.translated import Projected


def target_columns(
    node: LegacyNode, graph: LegacyGraph, findings: Findings
) -> list[dict[str, str]]:
    """``[{column, target}]`` of a load; empty = all by name, as an empty mapping means."""
    mapped = [field for field in node.fields if field.target]
    if node.has_mapping and not mapped:
        message = f"no column of '{node.name}' is mapped; map one, or empty the mapping for all"
        findings.error(codes.E_SCHEMA, message, node=node.id, field="field_mapping")
    return [
        {"column": _column_at(node, field, graph, findings), "target": field.target}
        for field in mapped
    ]


def projection(node: LegacyNode, findings: Findings) -> tuple[Projected, ...] | None:
    """The columns that leave a transform, in order; None = all that it has."""
    if not node.is_export_shape:
        mapped = [field for field in node.fields if field.target]
        return tuple(_projected(field) for field in mapped) or None
    columns = tuple(Projected(column.name) for column in node.columns if column.is_selected)
    warn_of_stale_mapping(node, {column.name for column in columns}, findings)
    return columns


def warn_of_stale_mapping(node: LegacyNode, outputs: set[str], findings: Findings) -> None:
    """Where ``source.columns`` decides, the mapping and the other list may be out of date."""
    gone = sorted({field.name for field in node.fields} - outputs)
    if gone:
        named = ", ".join(f"'{name}'" for name in gone)
        message = f"field_mapping lists columns that the node does not output: {named}; ignored"
        findings.warn(codes.W_STALE_MAPPING, message, node=node.id, field="field_mapping")
    listed = {(column.name, column.expression) for column in node.listed_columns}
    if node.connector_type != "join" and listed:
        decided = {(column.name, column.expression) for column in node.columns}
        if {entry for entry in listed if entry[1]} - decided:
            message = "transformations.transformations differs from source.columns; ignored"
            findings.warn(codes.W_STALE_MAPPING, message, node=node.id, field="transformations")


def _projected(field: MappedField) -> Projected:
    return Projected(field.name, field.target if field.is_renamed else "")


def _column_at(node: LegacyNode, field: MappedField, graph: LegacyGraph, findings: Findings) -> str:
    """The name under which the column arrives: a join renames one of two equal names."""
    join = _nearest_join(node, graph)
    columns = [c for c in join_columns(join, graph) if c.name == field.name] if join else []
    if len(columns) < 2:
        return field.name
    fitting = [c for c in columns if field.table in {c.table, *names_of(graph.nodes[c.parent])}]
    if len(fitting) == 1:
        return fitting[0].output
    message = (
        f"both inputs of join '{join.name if join else ''}' have a column '{field.name}'; "
        "say which by tableName"
    )
    findings.error(codes.E_AMBIGUOUS_COLUMN, message, node=node.id, column=field.name)
    return field.name


def _nearest_join(node: LegacyNode, graph: LegacyGraph) -> LegacyNode | None:
    """The join whose columns reach the node through nodes with one input only."""
    while len(graph.parents[node.id]) == 1:
        node = graph.nodes[graph.parents[node.id][0]]
        if node.connector_type == "join":
            return node
    return None
