"""The table in which a node's rows wait for their round."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import duckdb

from engine.columns.projection import column_of, unused
from engine.kind import Held
from engine.schema import Schema, quote

#: Parts that groups fall into by a hash of their keys; a round has a range of them.
SLICES = 1024
#: What a value takes besides its bytes.
_VALUE_BYTES = 32

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Gathered:
    """``name`` is that of the table; ``rows`` are the columns of what arrives at the node."""

    name: str
    held: Held
    rows: Schema

    def create(self, session: duckdb.DuckDBPyConnection, query: str) -> None:
        """Keep the rows of ``query``, in any order."""
        columns = [*self._columns(), f"{self._slice_of_row()} AS {self._slice}"]
        if self.held.is_by_arrival:
            # Numbering makes DuckDB read one row after the other; threads would mix them.
            columns.append(f"row_number() OVER () AS {self._arrival}")
        self._replace(session, self.name, f"SELECT {', '.join(columns)} FROM ({query}\n)")

    def ranges(self, session: duckdb.DuckDBPyConnection, most: int) -> Sequence[Range]:
        """Ranges of slices whose values take ``most`` bytes at most, if one slice alone does not.

        Where there are several, a round reads but its own part of the table from here on.
        """
        taken = " + ".join(map(_bytes, self._named(self.held.values)))
        found = session.execute(
            f"SELECT {self._slice}, CAST(sum({taken}) AS BIGINT) FROM {quote(self.name)} "
            "GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        ranges = _cut(found, most)
        if len(ranges) > 1:
            # Wide rows may need more memory to be sorted than there is: rounds then read them all.
            with suppress(duckdb.OutOfMemoryException):
                self._sort(session)
        return ranges

    def part(self, range_: Range) -> str:
        """The SELECT of the rows of a range of slices, as they arrived if that matters."""
        order = f" ORDER BY {self._arrival}" if self.held.is_by_arrival else ""
        return (
            f"SELECT {', '.join(self._columns())} FROM {quote(self.name)} "
            f"WHERE {self._slice} >= {range_[0]} AND {self._slice} < {range_[1]}{order}"
        )

    def drop(self, session: duckdb.DuckDBPyConnection) -> None:
        drop(session, self.name)

    @property
    def _slice(self) -> str:
        return quote(unused(self.rows, "slice"))

    @property
    def _arrival(self) -> str:
        return quote(unused(self.rows, "arrival"))

    def _slice_of_row(self) -> str:
        return f"CAST(hash({', '.join(self._named(self.held.keys))}) % {SLICES} AS USMALLINT)"

    def _columns(self) -> list[str]:
        """What is read of the rows, each column once."""
        return list(dict.fromkeys(self._named(self.held.columns)))

    def _named(self, names: Iterable[str]) -> list[str]:
        return [quote(column_of(self.rows, name).name) for name in names]

    def _sort(self, session: duckdb.DuckDBPyConnection) -> None:
        ordered = f"{self.name} in order"
        query = f"SELECT * FROM {quote(self.name)} ORDER BY {self._slice}"
        self._replace(session, ordered, query)
        self.drop(session)
        session.execute(f"ALTER TABLE {quote(ordered)} RENAME TO {quote(self.name)}")

    def _replace(self, session: duckdb.DuckDBPyConnection, name: str, query: str) -> None:
        session.execute(f"CREATE OR REPLACE TABLE {quote(name)} AS {query}")


def drop(session: duckdb.DuckDBPyConnection, table: str) -> None:
    """Give back the memory of a table, unless the session was told to stop."""
    with suppress(duckdb.Error):
        session.execute(f"DROP TABLE IF EXISTS {quote(table)}")


def _bytes(value: str) -> str:
    return f"coalesce(strlen(CAST({value} AS VARCHAR)), 0) + {_VALUE_BYTES}"


def _cut(sizes: Iterable[tuple[int, int]], most: int) -> Sequence[Range]:
    """Ranges of neighbors, which cover all slices; ``sizes`` are (slice, bytes)."""
    starts, held = [0], 0
    for slice_, size in sizes:
        if held and held + size > most:
            starts.append(slice_)
            held = 0
        held += size
    return list(zip(starts, [*starts[1:], SLICES], strict=True))
