"""How rows get into a MySQL table: one transaction with its ledger row, or nothing.

DDL ends a transaction in MySQL, so tables are made before it begins, and a table that is
replaced is emptied by DELETE: readers see its old rows until the load is committed.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.connectors.mysql.books import MysqlBooks
from engine.connectors.mysql.catalog import qualified, quote, target_columns
from engine.connectors.mysql.config import MysqlConfig
from engine.connectors.mysql.literals import LoadedColumn, loaded_columns, row_of
from engine.connectors.mysql.types import native_type
from engine.errors import LoadRefused
from engine.loads import ledger, watermarks
from engine.streams.arrow import batches
from engine.streams.pulse import Pulse
from engine.transfer import Load, LoadResult

if TYPE_CHECKING:
    import duckdb
    from pymysql import Connection

_LOCK_SECONDS = 0.2
#: Longest statement; the server's own limit is often 16 MB, and never less than 1 MB by default.
_STATEMENT_BYTES = 1 << 20
_ARRIVALS = "flowadmin_arrivals"
_REFERRING = """
SELECT constraint_schema, table_name FROM information_schema.referential_constraints
WHERE unique_constraint_schema = coalesce(nullif(%s, ''), database())
  AND referenced_table_name = %s AND delete_rule IN ('CASCADE', 'SET NULL', 'SET DEFAULT')
LIMIT 1
"""
_ENGINE = """
SELECT t.engine, e.transactions FROM information_schema.tables AS t
LEFT JOIN information_schema.engines AS e ON e.engine = t.engine
WHERE t.table_schema = coalesce(nullif(%s, ''), database()) AND t.table_name = %s
"""


@dataclass(frozen=True, slots=True)
class Rows:
    """Where the rows come from, and whom to tell about them: see ``Connector.load``."""

    session: duckdb.DuckDBPyConnection
    query: str
    on_rows: Callable[[int], None]
    on_stop: Callable[[], None]


def load_rows(config: MysqlConfig, load: Load, rows: Rows) -> LoadResult:
    """Load the rows; a connection that is closed undoes what was not committed."""
    with (
        contextlib.closing(config.connect(is_read_only=False)) as connection,
        Pulse(lambda: rows.on_rows(0), lambda: _kill(config, connection)),
    ):
        return _Loading(connection, config.ledger_database, load, rows).run()


def _kill(config: MysqlConfig, connection: Connection) -> None:
    with contextlib.suppress(Exception), contextlib.closing(config.connect()) as other:
        other.query(f"KILL {connection.thread_id()}")


class _Loading:
    """One attempt on a connection of its own."""

    def __init__(
        self, connection: Connection, ledger_database: str, load: Load, rows: Rows
    ) -> None:
        self._connection = connection
        self._books = MysqlBooks(connection, ledger_database)
        self._load = load
        self._rows = rows
        self._target = qualified(load.table)

    def run(self) -> LoadResult:
        self._books.prepare()
        self._create_missing()
        found = target_columns(self._connection, self._load.table)
        self._refuse_without_transactions()
        described = self._rows.session.execute(f"DESCRIBE {self._rows.query}").fetchall()
        types = {str(row[0]).casefold(): str(row[1]) for row in described}
        columns = loaded_columns(found, self._load, types)
        if self._load.keys:
            self._make_arrivals(columns)
        self._lock()
        self._connection.begin()
        loaded_before = ledger.claim(self._books, self._load)
        if loaded_before is not None:
            return LoadResult(loaded_before, was_applied_before=True)
        count = self._apply(columns)
        ledger.record(self._books, self._load, count)
        watermarks.move(self._books, self._load)
        self._rows.on_rows(count)
        self._connection.commit()
        return LoadResult(count)

    def _create_missing(self) -> None:
        """Create the load's table if it may and there is none; MySQL commits that at once."""
        load = self._load
        if not load.creates:
            return
        keys = load.keys if load.mode == "upsert" else ()
        fields = []
        for column in load.creates:
            native = native_type(column.type, is_key=column.name in keys)
            if not native:
                raise LoadRefused(
                    f"table '{load.table}' cannot be created: MySQL has no type for column "
                    f"'{column.name}' ({column.type}); cast it in a select node before",
                    code="E_COLUMN_TYPE",
                )
            fields.append(f"{quote(column.name)} {native}{' NOT NULL' * (column.name in keys)}")
        if keys:
            fields.append(f"PRIMARY KEY ({', '.join(map(quote, keys))})")
        self._books.change(
            f"CREATE TABLE IF NOT EXISTS {self._target} ({', '.join(fields)}) "
            "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            [],
        )

    def _refuse_without_transactions(self) -> None:
        load = self._load
        row = self._books.find(_ENGINE, [load.table.schema, load.table.table])
        if row and row[0] and row[1] == "NO":
            raise LoadRefused(
                f"table '{load.table}' has the engine {row[0]}, which cannot undo a load that "
                f"fails; ALTER TABLE {self._target} ENGINE = InnoDB, or load another table"
            )

    def _make_arrivals(self, columns: Sequence[LoadedColumn]) -> None:
        """A temporary table with the columns' own types and collations."""
        import pymysql

        names = ", ".join(quote(column.name) for column in columns)
        self._books.change(
            f"CREATE TEMPORARY TABLE {_ARRIVALS} AS SELECT {names} FROM {self._target} LIMIT 0", []
        )
        with contextlib.suppress(pymysql.MySQLError):  # long texts take no index: slower, not wrong
            self._books.change(f"ALTER TABLE {_ARRIVALS} ADD INDEX ({self._keys()})", [])

    def _lock(self) -> None:
        """One load at a time per table; the server gives the lock back for whoever is killed."""
        name = f"flowadmin {hashlib.sha256(self._target.encode()).hexdigest()[:40]}"
        while self._books.find("SELECT GET_LOCK(%s, 0)", [name]) == (0,):
            self._rows.on_rows(0)
            time.sleep(_LOCK_SECONDS)

    def _apply(self, columns: Sequence[LoadedColumn]) -> int:
        load = self._load
        statements = self._statements(columns)
        with contextlib.closing(statements):
            first = next(statements, None)
            if load.mode == "replace":
                self._refuse_cascade()
                self._books.change(f"DELETE FROM {self._target}", [])
            produced = sum(map(self._insert, itertools.chain([first] if first else [], statements)))
        taken = produced
        match load.mode:
            case "upsert":
                taken = self._upsert([column.name for column in columns])
            case "delete_insert":
                taken = self._delete_insert([column.name for column in columns])
        if produced != taken:
            raise LoadRefused(
                f"table '{load.table}' took {taken} of {produced} rows, and is as it was before; "
                "other sessions or triggers changed the keys meanwhile: run it again"
            )
        return taken

    def _statements(
        self, columns: Sequence[LoadedColumn]
    ) -> Generator[tuple[bytes, int], None, None]:
        """INSERTs of many rows each, and of how many."""
        place = _ARRIVALS if self._load.keys else self._target
        names = ", ".join(quote(column.name) for column in columns)
        head = f"INSERT INTO {place} ({names}) VALUES ".encode()
        select = f"SELECT {row_of(columns)} AS line FROM ({self._rows.query}\n)"
        waiting: list[bytes] = []
        size = 0
        with contextlib.closing(_lines(self._rows, select)) as lines:
            for line in lines:
                if waiting and size + len(line) > _STATEMENT_BYTES:
                    yield head + b",".join(waiting), len(waiting)
                    waiting, size = [], 0
                waiting.append(line)
                size += len(line) + 1
        if waiting:
            yield head + b",".join(waiting), len(waiting)

    def _insert(self, statement: tuple[bytes, int]) -> int:
        """Rows inserted. MySQL says in warnings what it changed, and is not believed then."""
        sql, rows = statement
        self._connection.query(sql)
        for _, number, said in self._connection.show_warnings() or ():
            raise LoadRefused(
                f"table '{self._load.table}' changed a value on its way in ({said}, {number}), so "
                "the load was undone; correct the rows or the table"
            )
        self._rows.on_rows(rows)
        return rows

    def _upsert(self, names: Sequence[str]) -> int:
        """By the keys alone, whatever other unique indexes there are."""
        self._refuse_unfit_keys(are_unique=True)
        others = [name for name in names if name not in self._load.keys] or self._load.keys[:1]
        changes = ", ".join(f"held.{quote(n)} = arrived.{quote(n)}" for n in others)
        updated = self._books.change(
            f"UPDATE {self._target} AS held JOIN {_ARRIVALS} AS arrived ON {self._same()} "
            f"SET {changes}",
            [],
        )
        key = quote(self._load.keys[0])
        return updated + self._insert_arrivals(
            names, f"LEFT JOIN {self._target} AS held ON {self._same()} WHERE held.{key} IS NULL"
        )

    def _delete_insert(self, names: Sequence[str]) -> int:
        self._refuse_unfit_keys(are_unique=False)
        self._refuse_cascade()
        self._books.change(
            f"DELETE held FROM {self._target} AS held JOIN "
            f"(SELECT DISTINCT {self._keys()} FROM {_ARRIVALS}) AS arrived ON {self._same()}",
            [],
        )
        return self._insert_arrivals(names, "")

    def _insert_arrivals(self, names: Sequence[str], which: str) -> int:
        into = ", ".join(map(quote, names))
        values = ", ".join(f"arrived.{quote(name)}" for name in names)
        return self._books.change(
            f"INSERT INTO {self._target} ({into}) SELECT {values} "
            f"FROM {_ARRIVALS} AS arrived {which}",
            [],
        )

    def _refuse_unfit_keys(self, *, are_unique: bool) -> None:
        """A NULL equals no key, not even itself; an upsert takes one row of each key."""
        load, keys = self._load, self._keys()
        is_null = " OR ".join(f"{quote(key)} IS NULL" for key in load.keys)
        if self._books.find(f"SELECT 1 FROM {_ARRIVALS} WHERE {is_null} LIMIT 1", []):
            raise LoadRefused(
                f"a row for table '{load.table}' has NULL in its key ({', '.join(load.keys)}), "
                "which no row can be found by; filter such rows, or choose other keys"
            )
        query = f"SELECT count(*), {keys} FROM {_ARRIVALS} GROUP BY {keys} HAVING count(*) > 1"
        if are_unique and (row := self._books.find(f"{query} LIMIT 1", [])):
            found = ", ".join(f"{k} = '{v}'" for k, v in zip(load.keys, row[1:], strict=True))
            raise LoadRefused(
                f"{row[0]} rows have the key {found}, and an upsert into table '{load.table}' "
                "takes one row of each key; deduplicate the rows by it before",
                code="E_LOAD_KEY_REPEATED",
            )

    def _refuse_cascade(self) -> None:
        """Raise where deleting rows of the target would delete or change rows of other tables."""
        table = self._load.table
        row = self._books.find(_REFERRING, [table.schema, table.table])
        if row:
            raise LoadRefused(
                f"rows of table '{table}' cannot be deleted for mode '{self._load.mode}': "
                f"'{row[0]}.{row[1]}' refers to it, and deleting here would change rows there; "
                "append or upsert instead, or drop the foreign key's action"
            )

    def _keys(self) -> str:
        return ", ".join(map(quote, self._load.keys))

    def _same(self) -> str:
        return " AND ".join(f"held.{quote(k)} = arrived.{quote(k)}" for k in self._load.keys)


def _lines(rows: Rows, select: str) -> Generator[bytes, None, None]:
    """Values of the only column of a query in DuckDB."""
    import pyarrow as pa

    try:
        with contextlib.closing(batches(rows.session, select)) as found:
            for batch in found:
                yield from batch.column(0).cast(pa.binary()).to_pylist()
    except BaseException:
        rows.on_stop()
        raise
