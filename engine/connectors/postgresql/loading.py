"""How rows get into a PostgreSQL table: one transaction with its ledger row, or nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.connectors.postgresql.arrivals import TABLE, Arrivals, refuse_cascade
from engine.connectors.postgresql.books import PostgresBooks
from engine.connectors.postgresql.catalog import qualified, target_columns
from engine.connectors.postgresql.columns import QUICK_DIGITS, LoadedColumn, loaded_columns
from engine.connectors.postgresql.copying import CopyIn
from engine.connectors.postgresql.creating import create_missing
from engine.connectors.postgresql.dialect import POSTGRESQL, Dialect
from engine.connectors.postgresql.snapshot import read_at
from engine.connectors.postgresql.stream import RowStream
from engine.errors import LoadRefused
from engine.loads import ledger, watermarks
from engine.schema import quote
from engine.transfer import Load, LoadResult

if TYPE_CHECKING:
    import duckdb
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

_LOCK_SECONDS = 0.2

#: What the session of a load needs whatever the server's own settings are.
_SESSION = {
    "client_min_messages": "error",
    "idle_in_transaction_session_timeout": "0",
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "standard_conforming_strings": "on",
}


@dataclass(frozen=True, slots=True)
class Rows:
    """Where the rows come from, and whom to tell about them: see ``Connector.load``."""

    session: duckdb.DuckDBPyConnection
    query: str
    on_rows: Callable[[int], None]
    on_stop: Callable[[], None]
    on_again: Callable[[], None]

    def on_wait(self) -> None:
        self.on_rows(0)


def load_rows(
    connection: Connection,
    ledger_schema: str,
    load: Load,
    rows: Rows,
    dialect: Dialect,
) -> LoadResult:
    """Load the rows; the caller closes the connection, which undoes what was not committed."""

    def apply() -> int:
        columns = loaded_columns(target_columns(connection, load.table), load, _input_types(rows))
        return _apply(connection, load, rows, columns, dialect)

    return in_one_transaction(connection, ledger_schema, load, apply, rows.on_rows, dialect)


def in_one_transaction(
    connection: Connection,
    ledger_schema: str,
    load: Load,
    apply: Callable[[], int],
    on_rows: Callable[[int], None],
    dialect: Dialect = POSTGRESQL,
    moment: str = "",
) -> LoadResult:
    """What ``apply`` puts into the table, how many it says, and what must go with it."""
    _prepare_session(connection)
    books = PostgresBooks(connection, ledger_schema, has_locks=dialect.has_advisory_locks)
    books.prepare(watermarks=bool(load.watermarks))
    connection.autocommit = False
    if moment:
        read_at(connection, moment)
    if dialect.has_advisory_locks:
        _lock(connection, load, lambda: on_rows(0))
    else:
        _lock_row(books, load, lambda: on_rows(0))
    loaded_before = ledger.claim(books, load)
    if loaded_before is not None:
        return LoadResult(loaded_before, was_applied_before=True)
    create_missing(connection, load)
    count = apply()
    ledger.record(books, load, count)
    watermarks.move(books, load)
    on_rows(count)
    connection.commit()
    return LoadResult(count)


def _prepare_session(connection: Connection) -> None:
    import psycopg

    for name, value in _SESSION.items():
        connection.execute("SELECT set_config(%s, %s, false)", [name, value])
    # So that a server that waits for a lock notices when this process was killed; not every
    # server can.
    with contextlib.suppress(psycopg.Error):
        connection.execute("SET client_connection_check_interval = '2s'")


def _input_types(rows: Rows) -> dict[str, str]:
    described = rows.session.execute(f"DESCRIBE {rows.query}").fetchall()
    return {str(row[0]).casefold(): str(row[1]) for row in described}


def _lock(connection: Connection, load: Load, on_wait: Callable[[], None]) -> None:
    """One load at a time per table; asked for again and again, so that a stop is heard."""
    key = [f"flowadmin load {qualified(load.table)}"]
    statement = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))"
    while connection.execute(statement, key).fetchone() != (True,):
        on_wait()
        time.sleep(_LOCK_SECONDS)


def _lock_row(books: PostgresBooks, load: Load, on_wait: Callable[[], None]) -> None:
    """The same by a row of the ledger that belongs to no run and that the load keeps locked."""
    while not books.hold(load.table):
        on_wait()
        time.sleep(_LOCK_SECONDS)


def _apply(
    connection: Connection,
    load: Load,
    rows: Rows,
    columns: Sequence[LoadedColumn],
    dialect: Dialect,
) -> int:
    """Rows put into the table; read again where a value is too large for the quick way."""
    import duckdb

    quick = [column.quick for column in columns]
    if quick == columns:
        return _copy(connection, load, rows, columns, dialect)
    try:
        with connection.transaction():
            return _copy(connection, load, rows, quick, dialect)
    except duckdb.ConversionException as error:
        if f"DECIMAL({QUICK_DIGITS}," not in str(error):
            raise
    rows.on_again()
    return _copy(connection, load, rows, columns, dialect)


def _copy(
    connection: Connection,
    load: Load,
    rows: Rows,
    columns: Sequence[LoadedColumn],
    dialect: Dialect,
) -> int:
    """Rows put into the table, which ``replace`` empties only when the first ones are there."""
    select = f"SELECT {', '.join(c.written_sql for c in columns)} FROM ({rows.query}\n)"
    names = ", ".join(quote(column.name) for column in columns)
    copy = CopyIn(connection.pgconn, rows.on_wait)
    arrivals = Arrivals(connection, load, columns, copy)
    must_wait = bool(load.keys) or any(column.is_cast_from_text for column in columns)
    place = TABLE if must_wait else f"{qualified(load.table)} ({names})"
    with RowStream(rows.session, select, rows.on_stop) as stream:
        head = copy.first_rows(stream)
        if load.mode == "replace":
            empty(connection, load, dialect)
        if must_wait:
            arrivals.make()
        produced, taken = copy.feed(f"COPY {place} FROM STDIN (FORMAT binary)", head, stream)
    if must_wait:
        taken = arrivals.apply()
    if produced != taken:
        raise LoadRefused(
            f"table '{load.table}' took {taken} of {produced} rows, and is as it was before; "
            "a trigger or rule drops the others: disable it, or load another table"
        )
    return taken


def empty(
    connection: Connection, load: Load, dialect: Dialect = POSTGRESQL, *, sees_all: bool = True
) -> None:
    """TRUNCATE; where that is refused (a reader, a foreign key, a missing right), DELETE.

    A DELETE that would change rows of other tables is not done, nor one that does not see all
    rows, because its transaction reads at an earlier moment: then psycopg's error is raised.
    """
    import psycopg

    target = qualified(load.table)
    if not dialect.has_transactional_truncate:
        refuse_cascade(connection, load)
        connection.execute(f"DELETE FROM {target}")
        return
    try:
        with connection.transaction():
            connection.execute("SET LOCAL lock_timeout = '2s'")
            connection.execute(f"TRUNCATE {target}")
            connection.execute("SET LOCAL lock_timeout = 0")
        return
    except (
        psycopg.errors.LockNotAvailable,
        psycopg.errors.FeatureNotSupported,
        psycopg.errors.InsufficientPrivilege,
    ):
        if not sees_all:
            raise
        refuse_cascade(connection, load)
    connection.execute(f"DELETE FROM {target}")
