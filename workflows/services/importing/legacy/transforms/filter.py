"""``filter``: conditions at its columns, all of which must hold."""

from __future__ import annotations

from workflows.services.importing.legacy.codes import Findings
from workflows.services.importing.legacy.conditions import column_expressions
from workflows.services.importing.legacy.fields import projection
from workflows.services.importing.legacy.graph import LegacyGraph
from workflows.services.importing.legacy.payload import LegacyNode
from workflows.services.importing.legacy.translated import Translated

CONNECTOR_TYPES = ("filter",)


def translate(node: LegacyNode, graph: LegacyGraph, findings: Findings) -> Translated:
    conditions = [condition for _, condition in column_expressions(node, findings)]
    if len(conditions) > 1:
        conditions = [f"({condition})" for condition in conditions]
    condition = " AND ".join(conditions) or "true"
    return Translated("filter", {"condition": condition}, projection(node, findings))
