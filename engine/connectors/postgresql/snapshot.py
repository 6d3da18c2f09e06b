"""One moment of a PostgreSQL database, at which many sessions can read."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engine.connectors.postgresql import splitting
from engine.errors import ConnectorError
from engine.schema import literal
from engine.transfer import Extraction

if TYPE_CHECKING:
    import duckdb
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]


class PostgresSnapshot:
    """Lives as long as the connection that exported it, in a transaction that only reads."""

    def __init__(self, connection: Connection) -> None:
        """Raises psycopg's errors where the server can export none."""
        import psycopg

        self._connection = connection
        self._lock = threading.Lock()
        connection.execute("SET idle_in_transaction_session_timeout = 0")
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.autocommit = False
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert row, "a function without FROM has one row"
        self.name = str(row[0])

    def enter(self, session: duckdb.DuckDBPyConnection, alias: str) -> None:
        """Have the transaction that ``session`` has begun read ``alias`` at this moment."""
        import duckdb

        statement = literal(f"SET TRANSACTION SNAPSHOT {literal(self.name)}")
        try:
            session.execute(f"CALL postgres_execute({literal(alias)}, {statement})")
        except duckdb.Error as error:
            raise _gone(error) from None

    def parts(self, extraction: Extraction, most: int) -> Sequence[Extraction]:
        import psycopg

        if extraction.table is None:
            return ()
        try:
            with self._lock, self._connection.transaction():
                found = splitting.ranges(self._connection, extraction.table, most)
        except psycopg.Error as error:
            raise _gone(error) from None
        return [replace(extraction, part=part) for part in found]

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._connection.close()


def _gone(error: Exception) -> ConnectorError:
    return ConnectorError(
        f"the moment at which sources of one database are read is gone ({error}); "
        "something has ended an idle session of ours: run it again",
        permanent=True,
    )


def read_at(connection: Connection, name: str) -> None:
    """Have a transaction that has just begun read at the moment of a snapshot."""
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    connection.execute(f"SET TRANSACTION SNAPSHOT {literal(name)}")
