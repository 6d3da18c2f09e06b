"""Connectors whose rows DuckDB cannot read by itself: they are streamed to it in Arrow batches."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp

from engine.columns.choosing import chosen
from engine.connector import ConfigT, Connector
from engine.expression import to_sql
from engine.schema import Schema, quote
from engine.streams.arrow import arrived
from engine.transfer import Extraction

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Stream:
    """Rows that can be read once.

    ``batches`` connects when the first is asked for, and disconnects at its end or when it is
    closed, in the thread that reads it. ``stop`` ends a read that may be blocked: it is called
    from another thread, at any time, and may do nothing where that cannot be done.
    """

    batches: Generator[pa.RecordBatch, None, None]
    stop: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Reading:
    """What is streamed for an extraction, and what becomes of it in DuckDB."""

    #: As asked for, with the columns that its filter needs as well.
    extraction: Extraction
    #: The columns that are streamed.
    schema: Schema
    #: The columns that were asked for.
    yielded: Schema

    def relation(self, alias: str) -> str:
        """The filter is decided here whatever the connector did with it, so that it means the
        same for every source.
        """
        items = ", ".join(arrived(column) for column in self.schema)
        names = ", ".join(quote(column.name) for column in self.yielded)
        rows = f"SELECT {items} FROM {quote(alias)}"
        if not self.extraction.filter:
            return rows
        condition = to_sql(self.extraction.filter, self.schema, self.extraction.parameters or {})
        return f"SELECT {names} FROM ({rows}) WHERE {condition}"


class StreamedConnector(Connector[ConfigT]):
    """A connector that yields Arrow batches; the engine hands them to DuckDB."""

    @abstractmethod
    def stream(self, config: ConfigT, extraction: Extraction, schema: Schema) -> Stream:
        """The rows of ``extraction``, columns and window respected; nothing is read yet.

        ``schema`` is what ``describe`` says of it: every batch has exactly
        ``engine.streams.arrow.arrow_schema(schema)``, and no more rows than memory takes lightly.
        Rows that the filter refuses may be left out. Called anew for each attempt, and for
        each time that DuckDB reads the rows. What ``batches`` raises fails the node.
        """

    def reading(self, config: ConfigT, extraction: Extraction) -> Reading:
        """Raises ``ConnectorError`` for an unknown column, ``ExpressionError`` for the filter."""
        if not extraction.filter:
            schema = self.describe(config, extraction)
            return Reading(extraction, schema, schema)
        every = self.describe(config, replace(extraction, columns=()))
        wanted = chosen(every.columns, extraction.columns)
        tree = sqlglot.parse_one(
            to_sql(extraction.filter, every, extraction.parameters or {}), read="duckdb"
        )
        used = {node.name.casefold() for node in tree.find_all(exp.Column)}
        more = [c for c in every if c.name.casefold() in used and c not in wanted]
        schema = Schema((*wanted, *more))
        return Reading(replace(extraction, columns=schema.names), schema, Schema(tuple(wanted)))

    def attach(self, config: ConfigT, session: duckdb.DuckDBPyConnection, alias: str) -> None:
        """Nothing is kept open: each stream connects when its rows are read."""

    def relation(self, config: ConfigT, extraction: Extraction, alias: str) -> str:
        return self.reading(config, extraction).relation(alias)
