"""One file per transform: ``CONNECTOR_TYPES`` it answers to and ``translate``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache

from workflows.services.importing.legacy import codes
from workflows.services.importing.legacy.codes import Findings
from workflows.services.importing.legacy.graph import LegacyGraph
from workflows.services.importing.legacy.payload import LegacyNode
from workflows.services.importing.legacy.translated import Translated

Transform = Callable[[LegacyNode, LegacyGraph, Findings], Translated | None]


@cache
def transforms() -> Mapping[str, Transform]:
    """``connector_type`` → the function that translates such a node."""
    found: dict[str, Transform] = {}
    for module in pkgutil.iter_modules(__path__, __name__ + "."):
        loaded = importlib.import_module(module.name)
        found.update(dict.fromkeys(loaded.CONNECTOR_TYPES, loaded.translate))
    return found


def translate_transform(
    node: LegacyNode, graph: LegacyGraph, findings: Findings
) -> Translated | None:
    """The node as one of our kinds; None, with findings, if there is no such kind."""
    translate = transforms().get(node.connector_type)
    if translate is None:
        known = ", ".join(sorted(transforms()))
        findings.error(
            codes.E_UNKNOWN_CONNECTOR,
            f"transform '{node.connector_type}' is not supported yet (supported: {known})",
            node=node.id,
            field="connector_type",
            connector_type=node.connector_type,
        )
        return None
    if node.connector_type != "join" and len(graph.parents[node.id]) > 1:
        message = f"'{node.name}' has {len(graph.parents[node.id])} inputs; it takes one"
        findings.error(codes.E_NOT_SUPPORTED, message, node=node.id)
    return translate(node, graph, findings)
