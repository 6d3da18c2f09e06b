"""``group``: one row per group; an aggregate stands at its column and keeps the column's name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workflows.services.importing.legacy import codes
from workflows.services.importing.legacy.codes import Findings
from workflows.services.importing.legacy.conditions import refuse_expression
from workflows.services.importing.legacy.fields import projection
from workflows.services.importing.legacy.graph import LegacyGraph
from workflows.services.importing.legacy.payload import LegacyNode, SourceColumn
from workflows.services.importing.legacy.translated import Translated

CONNECTOR_TYPES = ("group",)

_FUNCTIONS = {
    **{name: name for name in ("sum", "avg", "count", "min", "max", "first", "last")},
    "mean": "avg",
    "std": "stddev",
    "var": "variance",
}
#: A function of one column, or of all: ``Sum(price)``, ``Count(*)``.
_CALL = re.compile(r"(\w+)\s*\(\s*(?:([^\W\d]\w*)|\"([^\"]+)\"|`([^`]+)`|(\*))\s*\)")


def translate(node: LegacyNode, graph: LegacyGraph, findings: Findings) -> Translated:
    columns = [column for column in node.columns if column.is_selected]
    _warn_of_flags(node, columns, findings)
    _refuse_loose(node, columns, findings)
    config = {
        "group_by": [c.name for c in columns if c.is_group_key and not c.expression],
        "aggregates": list(_aggregates(node, columns, findings)),
    }
    return Translated("aggregate", config, projection(node, findings))


def _aggregates(
    node: LegacyNode, columns: list[SourceColumn], findings: Findings
) -> Iterator[dict[str, str]]:
    for column in columns:
        if not column.expression:
            continue
        call = _CALL.fullmatch(column.expression)
        function = _FUNCTIONS.get(call[1].casefold()) if call else None
        if call is None or function is None or (call[5] and function != "count"):
            known = ", ".join(sorted(_FUNCTIONS))
            reason = f"expected an aggregate of one column, such as Sum(price) (known: {known})"
            refuse_expression(node, column, reason, findings)
            continue
        name = call[2] or call[3] or call[4] or ""
        yield {"name": column.name, "function": function, "column": name}


def _warn_of_flags(node: LegacyNode, columns: list[SourceColumn], findings: Findings) -> None:
    both = [column.name for column in columns if column.is_group_key and column.expression]
    if both:
        named = ", ".join(f"'{name}'" for name in both)
        message = f"groupBy is set at {named} beside an aggregate; the aggregate wins"
        findings.warn(codes.W_GROUP_FLAG_IGNORED, message, node=node.id, field="groupBy")


def _refuse_loose(node: LegacyNode, columns: list[SourceColumn], findings: Findings) -> None:
    for column in columns:
        if not column.is_group_key and not column.expression:
            message = (
                f"column '{column.name}' of '{node.name}' has neither groupBy nor an aggregate; "
                "set one of them, or deselect it"
            )
            findings.error(codes.E_SCHEMA, message, node=node.id, field=column.name)
