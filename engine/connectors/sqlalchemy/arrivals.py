"""Rows that wait in DuckDB, on disk if they are many, until they are applied by their keys.

Any database can do what is asked of it here: an UPDATE or DELETE of one key, and an INSERT.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from engine.errors import LoadRefused
from engine.schema import quote
from engine.streams.arrow import batches
from engine.transfer import Load

if TYPE_CHECKING:
    import duckdb
    from sqlalchemy import Connection, Table

Values = list[dict[str, Any]]

_TABLE = "flowadmin_arrivals"
_BATCH_ROWS = 2_000
#: How the names of parameters begin, so that they are never those of columns.
_GIVEN = "given_"


class Arrivals:
    """The rows of one load; ``values_of`` makes a batch what the driver takes."""

    def __init__(
        self,
        session: duckdb.DuckDBPyConnection,
        load: Load,
        values_of: Callable[[Any], Values],
    ) -> None:
        self._session = session
        self._load = load
        self._values_of = values_of
        self._keys = ", ".join(map(quote, load.keys))

    @contextlib.contextmanager
    def waiting(self, select: str) -> Iterator[None]:
        """Have the rows of ``select`` wait. It is the last query of the session, whose profile
        has its counts: the rows are read by another one.
        """
        self._session.execute(f"CREATE OR REPLACE TABLE {_TABLE} AS {select}")
        self._session, keep = self._session.cursor(), self._session
        try:
            self._refuse_unfit_keys()
            yield
        finally:
            self._session.execute(f"DROP TABLE IF EXISTS {_TABLE}")
            self._session.close()
            self._session = keep

    def apply(self, connection: Connection, table: Table, on_rows: Callable[[int], None]) -> int:
        """Rows put into the table, as the load's mode says."""
        count = 0
        if self._load.mode == "delete_insert":
            statement = table.delete().where(*self._same(table))
            for keys in self._rows(f"SELECT DISTINCT {self._keys} FROM {_TABLE}"):
                connection.execute(statement, _named(keys, self._load.keys))
                on_rows(0)
        for rows in self._rows(f"SELECT * FROM {_TABLE}"):
            is_upsert = self._load.mode == "upsert"
            if new := self._unknown(connection, table, rows) if is_upsert else rows:
                connection.execute(table.insert(), new)
            count += len(rows)
            on_rows(count)
        return count

    def _unknown(self, connection: Connection, table: Table, rows: Values) -> Values:
        """The rows whose key the table does not have; the others are updated.

        A row of keys alone writes its first key anew, so that it is known to be there.
        """
        import sqlalchemy as sa

        names = list(rows[0])
        changed = [name for name in names if name not in self._load.keys] or self._load.keys[:1]
        statement = (
            table.update()
            .where(*self._same(table))
            .values({name: sa.bindparam(_GIVEN + name) for name in changed})
        )
        unknown = []
        for row, given in zip(rows, _named(rows, names), strict=True):
            if connection.execute(statement, given).rowcount == 0:
                unknown.append(row)
        return unknown

    def _same(self, table: Table) -> list[Any]:
        import sqlalchemy as sa

        return [
            table.columns[key] == sa.bindparam(_GIVEN + key, type_=table.columns[key].type)
            for key in self._load.keys
        ]

    def _rows(self, select: str) -> Generator[Values, None, None]:
        with contextlib.closing(batches(self._session, select, _BATCH_ROWS)) as found:
            for batch in found:
                yield self._values_of(batch)

    def _refuse_unfit_keys(self) -> None:
        """A NULL equals no key, not even itself; an upsert takes one row of each key."""
        load = self._load
        is_null = " OR ".join(f"{quote(key)} IS NULL" for key in load.keys)
        if self._session.execute(f"SELECT 1 FROM {_TABLE} WHERE {is_null} LIMIT 1").fetchone():
            raise LoadRefused(
                f"a row for table '{load.table}' has NULL in its key ({', '.join(load.keys)}), "
                "which no row can be found by; filter such rows, or choose other keys"
            )
        query = (
            f"SELECT count(*), {self._keys} FROM {_TABLE} GROUP BY {self._keys} HAVING count(*) > 1"
        )
        row = self._session.execute(f"{query} LIMIT 1").fetchone()
        if row and load.mode == "upsert":
            found = ", ".join(f"{k} = '{v}'" for k, v in zip(load.keys, row[1:], strict=True))
            raise LoadRefused(
                f"{row[0]} rows have the key {found}, and an upsert into table '{load.table}' "
                "takes one row of each key; deduplicate the rows by it before",
                code="E_LOAD_KEY_REPEATED",
            )


def _named(rows: Values, names: Sequence[str]) -> Values:
    return [{_GIVEN + name: row[name] for name in names} for row in rows]
