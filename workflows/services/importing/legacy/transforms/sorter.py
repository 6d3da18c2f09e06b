"""``sorter``: rows in the order of its marked columns, the first of the list first."""

from __future__ import annotations

from workflows.services.importing.legacy import codes
from workflows.services.importing.legacy.codes import Findings
from workflows.services.importing.legacy.fields import projection
from workflows.services.importing.legacy.graph import LegacyGraph
from workflows.services.importing.legacy.payload import LegacyNode
from workflows.services.importing.legacy.translated import Translated

CONNECTOR_TYPES = ("sorter",)


def translate(node: LegacyNode, graph: LegacyGraph, findings: Findings) -> Translated:
    order_by = [
        {"column": column.name, "direction": column.direction}
        for column in node.columns
        if column.direction
    ]
    if not order_by:
        message = f"'{node.name}' sorts by no column; set sorterSelected at one at least"
        findings.error(codes.E_SCHEMA, message, node=node.id, field="transformations")
    return Translated("sort", {"order_by": order_by}, projection(node, findings))
