"""The ledger and the watermarks in a schema of a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engine.errors import AccessDenied
from engine.schema import quote
from engine.transfer import TableName

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

#: Serializes the making of the tables; any constant that nothing else uses.
_MAKING = 0x464C4F57
_LEDGER = """
    run_id text NOT NULL,
    node text NOT NULL,
    target text NOT NULL,
    mode text NOT NULL,
    rows bigint NOT NULL DEFAULT 0,
    loaded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, node)
"""
_WATERMARK = """
    workflow_id text NOT NULL,
    node text NOT NULL,
    target text NOT NULL,
    scope text NOT NULL,
    value text NOT NULL,
    run_id text NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workflow_id, node, target)
"""


class PostgresBooks:
    """Kept through ``connection``; ``has_locks`` where the server has advisory locks."""

    def __init__(self, connection: Connection, schema: str, *, has_locks: bool = True) -> None:
        self._connection = connection
        self._schema = schema
        self._has_locks = has_locks
        self.ledger = f"{quote(schema)}.load_ledger"
        self.watermark = f"{quote(schema)}.watermark"

    quote = staticmethod(quote)

    def prepare(self, *, watermarks: bool) -> None:
        """Make the tables that are missing and needed; several may try at once.

        Raises ``AccessDenied``, saying what an owner of the database has to do.
        """
        import psycopg

        needed = {self.ledger: _LEDGER} | ({self.watermark: _WATERMARK} if watermarks else {})
        for name, fields in needed.items():
            if self._is_there("to_regclass", name):
                continue
            try:
                self._make(name, fields)
            except psycopg.errors.InsufficientPrivilege as error:
                user = quote(self._connection.info.user)
                raise AccessDenied(
                    f"role '{self._connection.info.user}' may not make the ledger {name}, without "
                    "which no load is exactly once; let an owner of the database run once: "
                    f"CREATE SCHEMA {quote(self._schema)} AUTHORIZATION {user}"
                ) from error

    def hold(self, table: TableName) -> bool:
        """Lock a table's own row of the ledger to the end of the transaction, if it is free.

        The transaction is undone where it is not.
        """
        import psycopg

        row = {"run_id": "", "node": str(table), "target": str(table), "mode": "lock"}
        try:
            if self.enter(self.ledger, row):
                self._connection.commit()
            query = f"SELECT 1 FROM {self.ledger} WHERE run_id = '' AND node = %s FOR UPDATE NOWAIT"
            self.find(query, [str(table)])
        except psycopg.errors.LockNotAvailable:
            self._connection.rollback()
            return False
        return True

    def has_watermarks(self) -> bool:
        return self._is_there("to_regclass", self.watermark)

    def find(self, statement: str, values: Sequence[Any]) -> Sequence[Any] | None:
        return self._connection.execute(statement, values).fetchone()

    def change(self, statement: str, values: Sequence[Any]) -> int:
        return self._connection.execute(statement, values).rowcount

    def enter(self, table: str, row: Mapping[str, Any]) -> bool:
        names = ", ".join(map(quote, row))
        marks = ", ".join(["%s"] * len(row))
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"
        return self.change(statement, list(row.values())) == 1

    def _is_there(self, function: str, name: str) -> bool:
        return self.find(f"SELECT {function}(%s)", [name]) != (None,)

    def _make(self, name: str, fields: str) -> None:
        with self._connection.transaction():
            if self._has_locks:
                self.find("SELECT pg_advisory_xact_lock(%s)", [_MAKING])
            # IF NOT EXISTS would ask for the right to create even where nothing is created.
            if not self._is_there("to_regnamespace", quote(self._schema)):
                self.change(f"CREATE SCHEMA {quote(self._schema)}", [])
            self.change(f"CREATE TABLE IF NOT EXISTS {name} ({fields})", [])
