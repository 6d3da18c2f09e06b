"""``expression``: each column as its expression says, in the order of the list."""

from __future__ import annotations

from workflows.services.importing.legacy.codes import Findings
from workflows.services.importing.legacy.conditions import column_expressions
from workflows.services.importing.legacy.fields import projection
from workflows.services.importing.legacy.graph import LegacyGraph
from workflows.services.importing.legacy.payload import LegacyNode
from workflows.services.importing.legacy.translated import Translated, select

CONNECTOR_TYPES = ("expression",)


def translate(node: LegacyNode, graph: LegacyGraph, findings: Findings) -> Translated:
    outputs = projection(node, findings)
    columns = [
        {"name": name, "expression": expression}
        for name, expression in column_expressions(node, findings)
    ]
    if not columns and outputs:
        return select(outputs)
    return Translated("expression", {"columns": columns}, outputs)
