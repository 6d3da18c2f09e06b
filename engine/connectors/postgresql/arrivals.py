"""Rows that wait in a table of the load's own session until PostgreSQL applies them.

The table is temporary and gone with its transaction, however that ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from engine.connectors.postgresql.catalog import qualified
from engine.connectors.postgresql.columns import LoadedColumn
from engine.connectors.postgresql.copying import CopyIn
from engine.errors import LoadRefused
from engine.schema import quote
from engine.transfer import Load

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

TABLE = "pg_temp.flowadmin_arrivals"

_REFERRING = """
SELECT conrelid::regclass::text FROM pg_constraint
WHERE confrelid = to_regclass(%s) AND contype = 'f' AND confdeltype IN ('c', 'n', 'd') LIMIT 1
"""


class Arrivals:
    """The waiting rows of one load, of the given columns."""

    def __init__(
        self, connection: Connection, load: Load, columns: Sequence[LoadedColumn], copy: CopyIn
    ) -> None:
        self._connection = connection
        self._load = load
        self._columns = columns
        self._copy = copy

    def make(self) -> None:
        """A NULL among the keys is refused on arrival: it would equal no key, not even itself."""
        fields = ", ".join(
            f"{quote(c.name)} {c.arrival_type}{' NOT NULL' * (c.name in self._load.keys)}"
            for c in self._columns
        )
        self._connection.execute(f"CREATE TEMPORARY TABLE {TABLE} ({fields}) ON COMMIT DROP")

    def apply(self) -> int:
        """Rows put into the target, as the load's mode says."""
        match self._load.mode:
            case "upsert":
                return self._upsert()
            case "delete_insert":
                self._delete_keys()
        return self._copy.execute(self._insert())

    def _insert(self) -> str:
        names = ", ".join(quote(column.name) for column in self._columns)
        values = ", ".join(column.arrival_sql for column in self._columns)
        return f"INSERT INTO {qualified(self._load.table)} ({names}) SELECT {values} FROM {TABLE}"

    def _upsert(self) -> int:
        """A row of keys alone writes its first key anew, so that every row is counted."""
        import psycopg

        keys = self._load.keys
        others = [c.name for c in self._columns if c.name not in keys] or keys[:1]
        changes = ", ".join(f"{quote(name)} = EXCLUDED.{quote(name)}" for name in others)
        conflict = f"ON CONFLICT ({_names(keys)}) DO UPDATE SET {changes}"
        self._connection.execute("SAVEPOINT arrived")
        try:
            return self._copy.execute(f"{self._insert()} {conflict}")
        except psycopg.errors.CardinalityViolation as error:
            self._connection.execute("ROLLBACK TO SAVEPOINT arrived")
            raise self._repeated() from error

    def _repeated(self) -> LoadRefused:
        """The refusal that names a key which several rows have."""
        keys = ", ".join(column.arrival_sql for column in self._keys)
        row = self._connection.execute(
            f"SELECT count(*), {keys} FROM {TABLE} GROUP BY {keys} HAVING count(*) > 1 LIMIT 1"
        ).fetchone()
        count, *values = row or (2, *("?" for _ in self._keys))
        found = ", ".join(f"{c.name} = '{v}'" for c, v in zip(self._keys, values, strict=True))
        return LoadRefused(
            f"{count} rows have the key {found}, and an upsert into table '{self._load.table}' "
            "takes one row of each key; deduplicate the rows by it before",
            code="E_LOAD_KEY_REPEATED",
        )

    def _delete_keys(self) -> None:
        """Delete the target's rows whose key is among the arrivals."""
        refuse_cascade(self._connection, self._load)
        self._copy.execute(f"ANALYZE {TABLE} ({_names(self._load.keys)})")
        same = " AND ".join(
            f"target.{quote(c.name)} = {c.arrival_sql_of('arrived')}" for c in self._keys
        )
        self._copy.execute(
            f"DELETE FROM {qualified(self._load.table)} AS target "
            f"WHERE EXISTS (SELECT FROM {TABLE} AS arrived WHERE {same})"
        )

    @property
    def _keys(self) -> list[LoadedColumn]:
        return [column for column in self._columns if column.name in self._load.keys]


def refuse_cascade(connection: Connection, load: Load) -> None:
    """Raise where deleting rows of the target would delete or change rows of other tables."""
    row = connection.execute(_REFERRING, [qualified(load.table)]).fetchone()
    if row:
        raise LoadRefused(
            f"rows of table '{load.table}' cannot be deleted for mode '{load.mode}': '{row[0]}' "
            "refers to it, and deleting here would change rows there; append or upsert instead, "
            "or drop the foreign key's action"
        )


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(quote, names))
