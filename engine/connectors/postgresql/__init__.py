"""PostgreSQL: reads and writes tables, exactly once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from engine.columns.choosing import chosen
from engine.connector import Connector, Snapshot
from engine.connectors.postgresql import catalog, matching, reading, window
from engine.connectors.postgresql.books import PostgresBooks
from engine.connectors.postgresql.config import PostgresqlConfig
from engine.connectors.postgresql.dialect import POSTGRESQL, Dialect
from engine.connectors.postgresql.explaining import explained, explaining
from engine.connectors.postgresql.inside import loading as inside
from engine.connectors.postgresql.loading import Rows, load_rows
from engine.connectors.postgresql.snapshot import PostgresSnapshot
from engine.errors import ConnectorError
from engine.loads import watermarks
from engine.schema import Column, Schema
from engine.stages.pushdown import Chain
from engine.transfer import Extraction, InsideResult, Load, LoadResult, TableName, Watermark

if TYPE_CHECKING:
    import duckdb
    import psycopg


#: How long a server may take to hear that a statement is no longer wanted.
_CANCEL_SECONDS = 5.0


class Postgresql(Connector[PostgresqlConfig]):
    """PostgreSQL 13 and later, and what speaks its protocol and has its catalog."""

    slug: ClassVar[str] = "postgresql"
    label: ClassVar[str] = "PostgreSQL"
    aliases: ClassVar[tuple[str, ...]] = ("postgres", "pg", "psql")
    #: What its relatives do otherwise.
    dialect: ClassVar[Dialect] = POSTGRESQL
    Config = PostgresqlConfig
    example: ClassVar[dict[str, Any]] = {
        "host": "db.example.com",
        "database": "shop",
        "user": "etl",
        "password": "…",
    }

    def test(self, config: PostgresqlConfig) -> str:
        with _connected(config) as connection:
            row = connection.execute("SHOW server_version").fetchone()
        version = str(row[0]).split()[0] if row else "?"
        return f"{self.label} {version}, database '{config.database}'"

    def tables(self, config: PostgresqlConfig) -> Sequence[TableName]:
        with _connected(config) as connection:
            return catalog.tables(connection)

    def estimates(self, config: PostgresqlConfig) -> Mapping[TableName, int]:
        with _connected(config) as connection:
            return catalog.estimates(connection)

    def describe(self, config: PostgresqlConfig, extraction: Extraction) -> Schema:
        with _connected(config, extraction.table) as connection:
            found = catalog.columns(connection, extraction)
        return Schema(tuple(c.described() for c in chosen(found, extraction.columns)))

    def target_columns(self, config: PostgresqlConfig, table: TableName) -> Sequence[Column]:
        with _connected(config, table) as connection:
            return [column.described() for column in catalog.target_columns(connection, table)]

    def attach(
        self, config: PostgresqlConfig, session: duckdb.DuckDBPyConnection, alias: str
    ) -> None:
        with _connected(config) as connection:  # says precisely what is wrong; DuckDB does not
            order = reading.date_order(connection)
        reading.load_extension(session)
        for statement in reading.attach_statements(config, alias, order):
            session.execute(statement)

    def prepare(self, config: PostgresqlConfig, session: duckdb.DuckDBPyConnection) -> None:
        reading.load_extension(session)  # has the format that rows are written in

    def cancel(self, config: PostgresqlConfig, alias: str) -> None:
        with _connected(config) as connection:
            reading.cancel(connection, config.session_name(alias))

    def explained(
        self, config: PostgresqlConfig, extraction: Extraction, said: str
    ) -> ConnectorError | None:
        return explained(config, said)

    def relation(self, config: PostgresqlConfig, extraction: Extraction, alias: str) -> str:
        with _connected(config, extraction.table) as connection:
            found = catalog.columns(connection, extraction)
        return reading.relation(found, extraction, alias, self.dialect)

    def place(self, config: PostgresqlConfig) -> str:
        return f"{config.address}/{config.database}"

    def snapshot(self, config: PostgresqlConfig) -> Snapshot | None:
        import psycopg

        if not self.dialect.has_snapshots:
            return None
        with explaining(config):
            connection = config.connect()
        try:
            return PostgresSnapshot(connection)
        except psycopg.Error:
            connection.close()
            return None

    def latest(self, config: PostgresqlConfig, extraction: Extraction, column: str) -> str | None:
        with _connected(config, extraction.table) as connection:
            (found,) = chosen(catalog.columns(connection, extraction), [column])
            return window.latest(connection, found, catalog.relation_of(extraction))

    def watermark(self, config: PostgresqlConfig, mark: Watermark) -> str | None:
        with _connected(config) as connection:
            books = PostgresBooks(connection, config.ledger_schema)
            return watermarks.read(books, mark) if books.has_watermarks() else None

    def count(self, config: PostgresqlConfig, table: TableName, most: int) -> int | None:
        with _connected(config, table) as connection:
            return matching.count(connection, table, most)

    def matches(
        self,
        config: PostgresqlConfig,
        load: Load,
        keys: Mapping[str, Sequence[str | None]],
        types: Mapping[str, str],
    ) -> Sequence[int] | None:
        with _connected(config, load.table) as connection:
            return matching.matches(connection, load.table, keys)

    def load(
        self,
        config: PostgresqlConfig,
        load: Load,
        session: duckdb.DuckDBPyConnection,
        query: str,
        on_rows: Callable[[int], None] = lambda rows: None,
        on_stop: Callable[[], None] = lambda: None,
        on_again: Callable[[], None] = lambda: None,
    ) -> LoadResult:
        rows = Rows(session, query, on_rows, on_stop, on_again)
        with _connected(config, load.table, is_read_only=False) as connection:
            return load_rows(connection, config.ledger_schema, load, rows, self.dialect)

    def load_inside(
        self,
        config: PostgresqlConfig,
        load: Load,
        chain: Chain,
        on_rows: Callable[[int], None] = lambda rows: None,
        moment: str = "",
    ) -> InsideResult | None:
        if self.dialect != POSTGRESQL:
            return None  # that the result is the same was proved for PostgreSQL
        with _connected(config, load.table, is_read_only=False) as connection:
            return inside.load_inside(
                connection, config.ledger_schema, load, chain, on_rows, moment
            )


@contextlib.contextmanager
def _connected(
    config: PostgresqlConfig, table: TableName | None = None, *, is_read_only: bool = True
) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A connection that is closed in the end; what was not committed is undone."""
    from psycopg.pq import TransactionStatus

    with explaining(config, table):
        connection = config.connect(is_read_only=is_read_only)
        try:
            yield connection
        finally:
            if connection.info.transaction_status == TransactionStatus.ACTIVE:
                with contextlib.suppress(Exception):
                    connection.cancel_safe(timeout=_CANCEL_SECONDS)
            connection.close()


CONNECTOR = Postgresql
