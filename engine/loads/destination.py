"""The two sides of a load that is only planned: the rows that arrive, and where they would go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from engine.connections import Opened
from engine.errors import TableNotFound
from engine.kind import NodeConfig, Target
from engine.media.files import HeldFile
from engine.schema import Column, Schema
from engine.transfer import Load, TableName

#: Rows of a table that are counted before it is said to have at least so many.
COUNTED = 1_000_000


@dataclass(frozen=True, slots=True)
class Arriving:
    """The rows that reach a target: a SELECT, and the names and types of its columns."""

    session: duckdb.DuckDBPyConnection
    query: str
    schema: Schema

    def ask(self, items: str, more: str = "") -> list[tuple[Any, ...]]:
        return self.session.execute(f"SELECT {items} FROM ({self.query}\n){more}").fetchall()


@dataclass(frozen=True, slots=True)
class Destination:
    """A target node with its connection, of which only reading methods are called."""

    kind: Target[Any]
    config: NodeConfig
    opened: Opened

    @property
    def table(self) -> TableName:
        return self.kind.table(self.config)

    @property
    def mode(self) -> str:
        return str(getattr(self.config, "mode", "append"))

    def columns(self) -> Sequence[Column]:
        """Empty for a table that is not there and that the load makes."""
        try:
            return self.opened.connector.target_columns(self.opened.config, self.table)
        except TableNotFound:
            if self.kind.creates(self.config):
                return ()
            raise

    def load(self, mapping: Mapping[str, str]) -> Load:
        """What a run would ask of the connector."""
        load = Load(self.table, self.mode, mapping, run_id="", node="")
        return self.kind.load(self.config, load)

    def count(self) -> int | None:
        return self.opened.connector.count(self.opened.config, self.table, COUNTED)

    def held_files(self, path: str) -> Sequence[HeldFile]:
        return self.opened.connector.held_files(self.opened.config, path)

    def matches(
        self, load: Load, keys: Mapping[str, Sequence[str | None]], types: Mapping[str, str]
    ) -> Sequence[int] | None:
        return self.opened.connector.matches(self.opened.config, load, keys, types)
