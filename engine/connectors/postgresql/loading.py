"""How rows get into a PostgreSQL table: one transaction with its ledger row, or nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine import ledger
from engine.connector import Load, LoadResult
from engine.connectors.postgresql.catalog import NativeColumn, qualified, target_columns
from engine.connectors.postgresql.copying import CopyIn
from engine.connectors.postgresql.stream import RowStream
from engine.errors import LoadRefused
from engine.schema import quote
from engine.suggestion import unknown

if TYPE_CHECKING:
    import duckdb
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

_LOCK_SECONDS = 0.2
#: Table of this session in which rows wait that PostgreSQL must cast from text.
_ARRIVALS = "flowadmin_arrivals"
_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}

#: What the session of a load needs whatever the server's own settings are.
_SESSION = {
    "client_min_messages": "error",
    "idle_in_transaction_session_timeout": "0",
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "standard_conforming_strings": "on",
}

_CASCADES = """
SELECT conrelid::regclass::text FROM pg_constraint
WHERE confrelid = to_regclass(%s) AND contype = 'f' AND confdeltype IN ('c', 'n', 'd') LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class LoadedColumn:
    """A target column, the input column that feeds it, and the type DuckDB writes."""

    target: NativeColumn
    origin: str
    written: str
    is_cast_from_text: bool

    @property
    def written_sql(self) -> str:
        """DuckDB's expression: an exact cast to what goes over the wire."""
        return f"CAST({quote(self.origin)} AS {self.written}) AS {quote(self.target.name)}"

    @property
    def arrival_sql(self) -> str:
        """PostgreSQL's expression over the arrivals."""
        name = quote(self.target.name)
        return f"{name}::{self.target.declared}" if self.is_cast_from_text else name

    @property
    def arrival_type(self) -> str:
        return "text" if self.is_cast_from_text else self.target.type.text


@dataclass(frozen=True, slots=True)
class Rows:
    """Where the rows come from, and whom to tell about them: see ``Connector.load``."""

    session: duckdb.DuckDBPyConnection
    query: str
    on_rows: Callable[[int], None]
    on_stop: Callable[[], None]

    def on_wait(self) -> None:
        self.on_rows(0)


def load_rows(connection: Connection, ledger_schema: str, load: Load, rows: Rows) -> LoadResult:
    """Load the rows; the caller closes the connection, which undoes what was not committed."""
    _prepare_session(connection)
    ledger.prepare(connection, ledger_schema)
    connection.autocommit = False
    _lock(connection, load, rows.on_wait)
    loaded_before = ledger.claim(connection, ledger_schema, load)
    if loaded_before is not None:
        return LoadResult(loaded_before, was_applied_before=True)
    columns = _columns(target_columns(connection, load.table), load, rows)
    count = _apply(connection, load, rows, columns)
    ledger.record(connection, ledger_schema, load, count)
    rows.on_rows(count)
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


def _columns(found: Sequence[NativeColumn], load: Load, rows: Rows) -> list[LoadedColumn]:
    by_name = {column.name: column for column in found}
    for name in load.columns:
        if name not in by_name:
            message = f"table '{load.table}': {unknown('column', name, by_name)}"
            raise LoadRefused(message, code="E_COLUMN_NOT_FOUND")
    if not load.columns:
        raise LoadRefused(f"no column of table '{load.table}' is fed; map at least one")
    types = _input_types(rows)
    return [
        _column(by_name[name], origin, types[origin.casefold()])
        for name, origin in load.columns.items()
    ]


def _column(target: NativeColumn, origin: str, origin_type: str) -> LoadedColumn:
    """A numeric without a scale takes what comes, as long as that can be said exactly."""
    written = target.type.duckdb
    if target.type.name == "numeric" and not target.type.is_bounded:
        if origin_type.startswith("DECIMAL"):
            written = origin_type
        elif origin_type in _INTEGERS:
            written = "DECIMAL(38,0)"
        else:
            written = "VARCHAR"
    is_text = target.type.is_text_on_the_way_in or (
        target.type.name == "numeric" and written == "VARCHAR"
    )
    return LoadedColumn(target, origin, written, is_text)


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


def _apply(connection: Connection, load: Load, rows: Rows, columns: Sequence[LoadedColumn]) -> int:
    """Rows put into the table, which ``replace`` empties only when the first ones are there."""
    select = f"SELECT {', '.join(c.written_sql for c in columns)} FROM ({rows.query}\n)"
    names = ", ".join(quote(column.target.name) for column in columns)
    into = f"{qualified(load.table)} ({names})"
    through_arrivals = any(column.is_cast_from_text for column in columns)
    copy = CopyIn(connection.pgconn, rows.on_wait)
    with RowStream(rows.session, select, rows.on_stop) as stream:
        head = copy.first_rows(stream)
        if load.mode == "replace":
            _empty(connection, load)
        if through_arrivals:
            _make_arrivals(connection, columns)
        place = f"pg_temp.{_ARRIVALS}" if through_arrivals else into
        produced, taken = copy.feed(f"COPY {place} FROM STDIN (FORMAT binary)", head, stream)
    if through_arrivals:
        taken = _insert_arrivals(connection, into, columns)
    if produced != taken:
        raise LoadRefused(
            f"table '{load.table}' took {taken} of {produced} rows, and is as it was before; "
            "a trigger or rule drops the others: disable it, or load another table"
        )
    return taken


def _make_arrivals(connection: Connection, columns: Sequence[LoadedColumn]) -> None:
    fields = ", ".join(f"{quote(c.target.name)} {c.arrival_type}" for c in columns)
    connection.execute(f"CREATE TEMPORARY TABLE {_ARRIVALS} ({fields}) ON COMMIT DROP")


def _insert_arrivals(connection: Connection, into: str, columns: Sequence[LoadedColumn]) -> int:
    values = ", ".join(column.arrival_sql for column in columns)
    statement = f"INSERT INTO {into} SELECT {values} FROM pg_temp.{_ARRIVALS}"
    return connection.execute(statement).rowcount


def _empty(connection: Connection, load: Load) -> None:
    """TRUNCATE; where that is refused (a reader, a foreign key, a missing right), DELETE.

    A DELETE that would change rows of other tables is not done.
    """
    import psycopg

    target = qualified(load.table)
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
        row = connection.execute(_CASCADES, [target]).fetchone()
    if row:
        raise LoadRefused(
            f"table '{load.table}' cannot be replaced: '{row[0]}' refers to it, and deleting "
            "here would change rows there; append instead, or drop the foreign key's action"
        )
    connection.execute(f"DELETE FROM {target}")
