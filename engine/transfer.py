"""A transfer of rows: what a node asks of its connector, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.schema import Column


@dataclass(frozen=True, slots=True)
class TableName:
    """Where a table is; ``schema`` may be empty for the database's default."""

    schema: str
    table: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}" if self.schema else self.table


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows of an extraction are new, by the values of ``column``.

    Values are in the database's own text form. ``upto`` is None where there are no rows.
    """

    column: str
    #: Taken from the lower bound: seconds of dates and timestamps, else a number.
    overlap: float = 0
    #: Rows above the least of these; empty = from the first row.
    above: tuple[str, ...] = ()
    upto: str | None = None


@dataclass(frozen=True, slots=True)
class Watermark:
    """Up to where a target has what a source reads; ``before`` and ``after`` its load.

    ``source`` and ``target`` are node keys; ``scope`` tells what they read and write.
    """

    workflow_id: str
    source: str
    target: str
    scope: str
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a source node asks of its connector: a table or one read-only SELECT."""

    table: TableName | None = None
    sql: str = ""
    #: Column names to read; empty = all.
    columns: tuple[str, ...] = ()
    #: A condition in the expression language over the table's columns; empty = none.
    filter: str = ""
    parameters: Mapping[str, Any] | None = None
    #: The rows of an incremental source; None = all.
    window: Window | None = None
    #: No more rows than this are wanted, whichever; a hint that spares the database work.
    limit: int | None = None
    #: Which part of a table to read, in its connector's own words; empty = all of it.
    part: str = ""


@dataclass(frozen=True, slots=True)
class Load:
    """What a target node asks of its connector.

    ``columns`` maps target column → input column. ``token`` identifies the load for the
    ledger: the same (run id, node key) is applied once, whatever is retried. ``keys`` are
    the target columns that identify a row, for the modes that need them. ``creates`` are the
    columns (in DuckDB types) of the table to make if there is none; empty = it must exist.
    """

    table: TableName
    mode: str  # append | replace | upsert | delete_insert
    columns: Mapping[str, str]
    run_id: str
    node: str
    keys: tuple[str, ...] = ()
    creates: tuple[Column, ...] = ()
    #: Moved in the transaction of the load.
    watermarks: tuple[Watermark, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadResult:
    rows: int
    #: True when the ledger already held this load, and nothing was written now.
    was_applied_before: bool = False


@dataclass(frozen=True, slots=True)
class InsideResult(LoadResult):
    """A load whose rows never left the database; ``counts`` has rows out by step."""

    counts: Mapping[str, int] = field(default_factory=dict)
