"""A stage that can be run: its every node typed, its sources described."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.plan import Step
from engine.schema import Column, Schema
from engine.stages.fusion import Counted
from engine.stages.optimizer import Stage
from engine.transfer import Extraction


@dataclass(frozen=True, slots=True)
class Relation:
    """What a source yields, and the SELECT that reads it; the same for its first rows."""

    schema: Schema
    sql: str
    #: Empty where no sample is wanted.
    first_rows: str = ""
    #: What it was asked for.
    extraction: Extraction = field(default_factory=Extraction)
    #: The slug of the connection it reads, and the name that has in DuckDB; empty where
    #: sessions of its own read it.
    connection: str = ""
    alias: str = ""


@dataclass(frozen=True, slots=True)
class Ready:
    """A stage whose every node has been typed; ``sql`` has all of its nodes but a target."""

    stage: Stage
    sql: Mapping[str, str]
    schemas: Mapping[str, Schema]
    relations: Mapping[str, Relation]
    target_columns: Sequence[Column] = ()
    #: Rows and time of nodes that were done before the rest, by step key.
    made: Mapping[str, Counted] = field(default_factory=dict)

    @property
    def tree(self) -> tuple[Step, ...]:
        """The nodes that are relations, but for those that were made already."""
        steps = self.stage.steps
        return tuple(s for s in steps if s.key in self.sql and s.key not in self.made)

    @property
    def extractions(self) -> dict[str, Extraction]:
        """What each source was asked for."""
        return {key: relation.extraction for key, relation in self.relations.items()}

    @property
    def first_rows(self) -> dict[str, str]:
        """SELECTs of the first rows of sources, where samples are wanted."""
        return {key: found.first_rows for key, found in self.relations.items() if found.first_rows}
