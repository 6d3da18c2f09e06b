"""One node on its own: its ports and, over inputs of given columns, what it yields or refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.columns.binding import bind
from engine.configuring import parse_config
from engine.issue import Issue
from engine.kind import AnyKind
from engine.plan import Input, Step
from engine.schema import Column, Schema


@dataclass(frozen=True, slots=True)
class Tried:
    """Ports are None where the settings, which do not pass, would decide about them."""

    inputs: tuple[str, ...] | None
    outputs: tuple[str, ...] | None
    #: What leaves the node; None where that is not known.
    schema: Schema | None
    issues: tuple[Issue, ...]


def try_node(
    kind: AnyKind,
    config: Mapping[str, Any],
    inputs: Mapping[str, Schema],
    parameters: Mapping[str, Any],
) -> Tried:
    """``inputs`` maps port → columns; of ports that are missing, nothing is said.

    Columns of what a source reads or a target writes are looked up by compiling a workflow.
    """
    parsed, issues = parse_config(kind.Config, config)
    if parsed is None:
        if kind.has_ports_by_config:
            return Tried(None, None, None, tuple(issues))
        return Tried(kind.inputs, kind.outputs, None, tuple(issues))
    edges = tuple(Input(port=port, step=f"input {port}") for port in inputs)
    step = Step(key="node", name="node", kind=kind.slug, config=dict(config), inputs=edges)
    given = {f"input {port}": schema for port, schema in inputs.items()}
    no_table: dict[str, Sequence[Column] | None] = {}
    bound = bind([step], given, {kind.slug: kind}, parameters, no_table)
    found = tuple(issue.model_copy(update={"node": ""}) for issue in bound.issues)
    return Tried(kind.input_ports(parsed), kind.output_ports(parsed), bound.schemas["node"], found)
