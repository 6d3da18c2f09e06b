"""The ledger and the watermarks in a database of a MySQL server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engine.connectors.mysql.catalog import quote
from engine.connectors.mysql.explaining import number_of
from engine.errors import AccessDenied

if TYPE_CHECKING:
    from pymysql import Connection

#: Names are compared by their bytes; an index takes so many of them.
_NAME = "varchar(160) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"
_TEXT = "varchar(2000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"
_LEDGER = f"""
    run_id {_NAME},
    node {_NAME},
    target {_TEXT},
    mode varchar(20) NOT NULL,
    `rows` bigint NOT NULL,
    loaded_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (run_id, node)
"""
_WATERMARK = f"""
    workflow_id {_NAME},
    node {_NAME},
    target {_NAME},
    `scope` varchar(64) NOT NULL,
    `value` {_TEXT},
    run_id {_NAME},
    moved_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (workflow_id, node, target)
"""
_NO_RIGHT = {1044, 1142, 1370}


class MysqlBooks:
    """Kept through ``connection``, in ``database`` or, where that is empty, in its own."""

    quote = staticmethod(quote)

    def __init__(self, connection: Connection, database: str = "") -> None:
        self._connection = connection
        self._database = database
        place = f"{quote(database)}." if database else ""
        self.ledger = f"{place}flowadmin_load_ledger"
        self.watermark = f"{place}flowadmin_watermark"

    def prepare(self) -> None:
        """Make the tables that are missing; outside a transaction, for that would end it.

        Raises ``AccessDenied``, saying what an owner of the database has to do.
        """
        import pymysql

        for name, fields in ((self.ledger, _LEDGER), (self.watermark, _WATERMARK)):
            if self._is_there(name):
                continue
            statement = f"CREATE TABLE IF NOT EXISTS {name} ({fields}) ENGINE = InnoDB"
            try:
                self.change(statement, [])
            except pymysql.MySQLError as error:
                if number_of(error) not in _NO_RIGHT:
                    raise
                raise AccessDenied(
                    f"the user may not make the ledger {name}, without which no load is exactly "
                    f"once; let an owner of the database run once: {' '.join(statement.split())}"
                ) from error

    def has_watermarks(self) -> bool:
        return self._is_there(self.watermark)

    def find(self, statement: str, values: Sequence[Any]) -> Sequence[Any] | None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, tuple(values) or None)
            row: Sequence[Any] | None = cursor.fetchone()
        return row

    def change(self, statement: str, values: Sequence[Any]) -> int:
        with self._connection.cursor() as cursor:
            return int(cursor.execute(statement, tuple(values) or None))

    def enter(self, table: str, row: Mapping[str, Any]) -> bool:
        names, marks = ", ".join(map(quote, row)), ", ".join(["%s"] * len(row))
        statement = f"INSERT IGNORE INTO {table} ({names}) VALUES ({marks})"
        return self.change(statement, list(row.values())) == 1

    def _is_there(self, name: str) -> bool:
        table = name.rpartition(".")[2]
        query = (
            "SELECT count(*) FROM information_schema.tables "
            "WHERE table_schema = coalesce(nullif(%s, ''), database()) AND table_name = %s"
        )
        return self.find(query, [self._database, table]) != (0,)
