"""``join``: two inputs, told apart by the tables that the join names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from workflows.services.importing.legacy import codes
from workflows.services.importing.legacy.codes import Findings
from workflows.services.importing.legacy.fields import projection, warn_of_stale_mapping
from workflows.services.importing.legacy.graph import LegacyGraph
from workflows.services.importing.legacy.join_columns import (
    join_columns,
    join_settings,
    sides_of,
)
from workflows.services.importing.legacy.payload import LegacyNode
from workflows.services.importing.legacy.translated import Translated

CONNECTOR_TYPES = ("join",)

_TYPES = {
    "normal join": "inner",
    "left outer join": "left",
    "right outer join": "right",
    "full outer join": "full",
}
_OPERATORS = frozenset({"=", "!=", "<", "<=", ">", ">="})


def translate(node: LegacyNode, graph: LegacyGraph, findings: Findings) -> Translated | None:
    parents = graph.parents[node.id]
    if len(parents) != 2:
        count = f"{len(parents)} input{'' if len(parents) == 1 else 's'}"
        message = f"{node.shown} has {count}; a join takes two, one for each side"
        findings.error(codes.E_JOIN_INPUTS, message, node=node.id, parents=len(parents))
        return None
    sides = sides_of(node, graph)
    if sides is None:
        _refuse_sides(node, findings)
        return None
    columns = join_columns(node, graph)
    config = {
        "type": _type(node, findings),
        "on": list(_conditions(node, findings)),
        "columns": [
            {"side": c.side, "name": c.name} | ({"rename": c.output} if c.output != c.name else {})
            for c in columns
        ],
    }
    ports = {sides[0]: "left", sides[1]: "right"}
    if not node.is_export_shape:
        return Translated("join", config, projection(node, findings), ports)
    warn_of_stale_mapping(node, {column.name for column in columns}, findings)
    return Translated("join", config, None, ports)


def _type(node: LegacyNode, findings: Findings) -> str:
    given = str(join_settings(node).get("join_type") or "")
    known = _TYPES.get(" ".join(given.casefold().split()))
    if known is None:
        expected = ", ".join(f"'{name.title()}'" for name in _TYPES)
        message = f"unknown join type '{given}'; expected one of {expected}"
        findings.error(codes.E_JOIN_CONFIG, message, node=node.id, field="join.join_type")
    return known or "inner"


def _conditions(node: LegacyNode, findings: Findings) -> Iterator[dict[str, str]]:
    details = join_settings(node).get("sourceDetails")
    given = [d for d in details if isinstance(d, Mapping)] if isinstance(details, list) else []
    if not given:
        message = f"'{node.name}' has no condition; give at least one in join.sourceDetails"
        findings.error(codes.E_JOIN_CONFIG, message, node=node.id, field="join.sourceDetails")
    for index, detail in enumerate(given):
        operator = str(detail.get("operator") or "")
        if operator not in _OPERATORS:
            expected = " ".join(sorted(_OPERATORS))
            message = f"unknown join operator '{operator}'; expected one of {expected}"
            field = f"join.sourceDetails.{index}.operator"
            findings.error(codes.E_JOIN_CONFIG, message, node=node.id, field=field)
        yield {
            "left": str(detail.get("source_column") or ""),
            "operator": operator,
            "right": str(detail.get("target_column") or ""),
        }


def _refuse_sides(node: LegacyNode, findings: Findings) -> None:
    settings = join_settings(node)
    tables = f"'{settings.get('source_table')}' and '{settings.get('target_table')}'"
    message = (
        f"source_table and target_table of '{node.name}' ({tables}) do not tell its two inputs "
        "apart; name the tables or the nodes they come from"
    )
    findings.error(codes.E_AMBIGUOUS_COLUMN, message, node=node.id, field="join")
