"""``selectcolumns``: the columns that go on, and their order."""

from __future__ import annotations

from workflows.services.importing.legacy import codes
from workflows.services.importing.legacy.codes import Findings
from workflows.services.importing.legacy.fields import projection
from workflows.services.importing.legacy.graph import LegacyGraph
from workflows.services.importing.legacy.payload import LegacyNode
from workflows.services.importing.legacy.translated import Projected, Translated, select

CONNECTOR_TYPES = ("selectcolumns",)


def translate(node: LegacyNode, graph: LegacyGraph, findings: Findings) -> Translated | None:
    listed = tuple(Projected(column.name) for column in node.columns if column.is_selected)
    columns = projection(node, findings) or listed
    if not columns:
        message = f"'{node.name}' selects no column; select at least one"
        findings.error(codes.E_SCHEMA, message, node=node.id, field="transformations")
        return None
    return select(columns)
