"""``if_transform``: rows that meet its conditions, all of them or any."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from engine.schema import quote
from workflows.services.importing.legacy import codes
from workflows.services.importing.legacy.codes import Findings
from workflows.services.importing.legacy.fields import projection
from workflows.services.importing.legacy.graph import LegacyGraph
from workflows.services.importing.legacy.payload import Json, LegacyNode
from workflows.services.importing.legacy.translated import Translated

CONNECTOR_TYPES = ("if_transform",)

#: Only greater_than is known from payloads; the others are named after its example.
_OPERATORS = {
    "greater_than": ">",
    "greater_than_or_equal": ">=",
    "less_than": "<",
    "less_than_or_equal": "<=",
    "equal": "=",
    "equals": "=",
    "not_equal": "<>",
    "not_equals": "<>",
}
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_NUMERIC = re.compile(r"int|numeric|decimal|double|float|real|number", re.IGNORECASE)


def translate(node: LegacyNode, graph: LegacyGraph, findings: Findings) -> Translated:
    conditions = [f"({condition})" for condition in _conditions(node, findings)]
    condition = f" {_logic(node, findings)} ".join(conditions)
    return Translated("filter", {"condition": condition}, projection(node, findings))


def _conditions(node: LegacyNode, findings: Findings) -> Iterator[str]:
    given = node.transformations.get("conditions")
    found = [entry for entry in given if isinstance(entry, Mapping)] if given else []
    if not found:
        message = f"'{node.name}' has no condition; give at least one"
        findings.error(codes.E_SCHEMA, message, node=node.id, field="conditions")
    for entry in found:
        column, operator = str(entry.get("inputField") or ""), str(entry.get("condition") or "")
        value = _value(entry)
        if not column or operator not in _OPERATORS or value is None:
            message = (
                f"condition '{column} {operator} {entry.get('value')}' is not understood; expected "
                f"a column, one of {', '.join(_OPERATORS)}, and a value of the column's type"
            )
            findings.error(codes.E_EXPRESSION, message, node=node.id, column=column)
            continue
        yield f"{quote(column)} {_OPERATORS[operator]} {value}"


def _value(entry: Json) -> str | None:
    """The constant to compare with; None where it does not fit the type it is said to have."""
    text = str(entry.get("value", "")).strip()
    if str(entry.get("valueType") or "manual") != "manual":
        return None
    if _NUMERIC.search(str(entry.get("dataType") or "")):
        return text if _NUMBER.fullmatch(text) else None
    return "'" + text.replace("'", "''") + "'"


def _logic(node: LegacyNode, findings: Findings) -> str:
    given = str(node.transformations.get("logicOperator") or "AND").upper()
    if given not in ("AND", "OR"):
        message = f"logicOperator '{given}' of '{node.name}' is unknown; expected AND or OR"
        findings.error(codes.E_SCHEMA, message, node=node.id, field="logicOperator")
    return given
