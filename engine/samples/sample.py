"""A few rows of a relation, as text that can be shown and sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from engine.schema import Column, Schema, quote

if TYPE_CHECKING:
    import duckdb

#: Characters of a cell that are shown.
MAX_CELL = 500
#: What artifacts with samples are to Prefect; their data is ``{node key: sample as JSON}``.
ARTIFACT_TYPE = "flowadmin-samples"

Cell = str | None


@dataclass(frozen=True, slots=True)
class Extent:
    """How much a preview reads, shows and takes."""

    #: Rows that are shown.
    rows: int = 50
    #: Rows that each source reads.
    source_rows: int = 1_000
    seconds: float = 10


@dataclass(frozen=True, slots=True)
class Clipped:
    """A cell of which only the beginning is shown; ``length`` in characters, of all of it."""

    row: int
    column: int
    length: int


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows whose cells are the values in DuckDB's own text form, None for NULL.

    That form loses nothing: ``1.10`` of a decimal, ``nan``, ``\\x00`` of bytes, ``[1, NULL]``.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    clipped: tuple[Clipped, ...] = ()
    #: Whether there are rows beyond these.
    has_more: bool = False
    #: Whether the sources were read to their ends for it, so that a run has the same rows.
    is_complete: bool = True

    def as_json(self) -> dict[str, Any]:
        return {
            "columns": Schema(self.columns).as_json(),
            "rows": [list(row) for row in self.rows],
            "clipped": [[cell.row, cell.column, cell.length] for cell in self.clipped],
            "has_more": self.has_more,
            "is_complete": self.is_complete,
        }

    @classmethod
    def of_json(cls, body: Mapping[str, Any]) -> Sample:
        """What ``as_json`` wrote."""
        return cls(
            columns=Schema.of((c["name"], c["type"]) for c in body["columns"]).columns,
            rows=tuple(tuple(row) for row in body["rows"]),
            clipped=tuple(Clipped(*cell) for cell in body["clipped"]),
            has_more=body["has_more"],
            is_complete=body["is_complete"],
        )

    def within(self, size: int) -> Sample:
        """As much of the sample as fits into ``size`` bytes of JSON: fewer rows, then less of
        each cell.
        """
        kept, width = self, MAX_CELL
        while kept._size > size and kept.rows:
            if len(kept.rows) > 1:
                kept = kept._shorter(len(kept.rows) // 2)
            elif width := width // 2:
                kept = kept._narrower(width)
            else:
                kept = kept._shorter(0)
        return kept

    @property
    def _size(self) -> int:
        return len(json.dumps(self.as_json(), ensure_ascii=False).encode())

    def _shorter(self, rows: int) -> Sample:
        clipped = tuple(cell for cell in self.clipped if cell.row < rows)
        return replace(self, rows=self.rows[:rows], clipped=clipped, has_more=True)

    def _narrower(self, width: int) -> Sample:
        lengths = {(cell.row, cell.column): cell.length for cell in self.clipped}
        clipped = tuple(
            Clipped(y, x, lengths.get((y, x), len(cell)))
            for y, row in enumerate(self.rows)
            for x, cell in enumerate(row)
            if cell is not None and lengths.get((y, x), len(cell)) > width
        )
        rows = tuple(tuple(cell and cell[:width] for cell in row) for row in self.rows)
        return replace(self, rows=rows, clipped=clipped)


def take(
    session: duckdb.DuckDBPyConnection, query: str, most: int, max_cell: int = MAX_CELL
) -> Sample:
    """The first ``most`` rows of a SELECT; DuckDB itself cuts long cells."""
    relation = session.sql(query)
    columns = Schema.of(zip(relation.columns, map(str, relation.types), strict=True)).columns
    texts = ", ".join(_shown(column.name, index, max_cell) for index, column in enumerate(columns))
    found = session.execute(f"SELECT {texts} FROM ({query}\n) LIMIT {most + 1}").fetchall()
    rows = [(row[::2], row[1::2]) for row in found[:most]]
    return Sample(
        columns=columns,
        rows=tuple(cells for cells, _ in rows),
        clipped=tuple(_clipped((lengths for _, lengths in rows), max_cell)),
        has_more=len(found) > most,
    )


def _shown(name: str, index: int, max_cell: int) -> str:
    text = f"CAST({quote(name)} AS VARCHAR)"
    return f"left({text}, {max_cell}) AS c{index}, length({text}) AS n{index}"


def _clipped(rows: Iterable[tuple[int | None, ...]], max_cell: int) -> Iterator[Clipped]:
    for row, lengths in enumerate(rows):
        for column, length in enumerate(lengths):
            if length is not None and length > max_cell:
                yield Clipped(row, column, length)
