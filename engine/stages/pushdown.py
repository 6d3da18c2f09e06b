"""Stages that one database can run by itself: what it has to know of them.

A chain leads from a table through nodes that read one other, in settings that have no other
meaning elsewhere, to a table. Whether the database says all of it exactly as
DuckDB does is for its connector to decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from engine.kind import AnyKind, NodeConfig, Source
from engine.plan import Step
from engine.schema import Schema
from engine.transfer import Extraction

#: Kinds whose settings say all about them.
KNOWN = frozenset({"filter", "expression", "select", "aggregate"})


@dataclass(frozen=True, slots=True)
class Layer:
    """A node between source and target, and the columns that arrive there."""

    step: str
    kind: str
    config: NodeConfig
    rows: Schema


@dataclass(frozen=True, slots=True)
class Chain:
    """A source and the nodes after it, in order."""

    source: str
    extraction: Extraction
    layers: tuple[Layer, ...] = ()

    @property
    def last(self) -> str:
        """The node whose rows are loaded."""
        return self.layers[-1].step if self.layers else self.source


def chain_of(
    steps: Sequence[Step],
    kinds: Mapping[str, AnyKind],
    configs: Mapping[str, NodeConfig],
    schemas: Mapping[str, Schema],
    extractions: Mapping[str, Extraction],
) -> Chain | None:
    """The chain that feeds the last of ``steps``; None where they are another shape."""
    if len(steps) < 2:
        return None  # what an earlier stage has kept
    first, *between = steps[:-1]
    if not isinstance(kinds[first.kind], Source) or any(s.kind not in KNOWN for s in between):
        return None
    for before, step in pairwise(steps):
        if [(edge.step, edge.output) for edge in step.inputs] != [(before.key, "out")]:
            return None
    layers = tuple(
        Layer(step.key, step.kind, configs[step.key], schemas[step.inputs[0].step])
        for step in between
    )
    return Chain(first.key, extractions[first.key], layers)
