"""Any database for which SQLAlchemy has a dialect, through the driver that is installed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from engine.connectors.sqlalchemy import catalog, reading, window
from engine.connectors.sqlalchemy.books import SqlalchemyBooks
from engine.connectors.sqlalchemy.config import SqlalchemyConfig
from engine.connectors.sqlalchemy.explaining import explaining
from engine.connectors.sqlalchemy.loading import Rows, load_rows
from engine.loads import watermarks
from engine.schema import Column, Schema
from engine.streams.streaming import Stream, StreamedConnector
from engine.transfer import Extraction, Load, LoadResult, TableName, Watermark

if TYPE_CHECKING:
    import duckdb


class Sqlalchemy(StreamedConnector[SqlalchemyConfig]):
    """SQL Server, Oracle, Snowflake, ClickHouse, SQLite and others."""

    slug: ClassVar[str] = "sqlalchemy"
    label: ClassVar[str] = "Other SQL database"
    aliases: ClassVar[tuple[str, ...]] = (
        "sql_server", "sqlserver", "mssql", "oracle", "snowflake", "clickhouse", "bigquery",
        "gcp_bigquery", "spanner", "teradata", "sqlite",
    )  # fmt: skip
    Config = SqlalchemyConfig
    example: ClassVar[dict[str, Any]] = {
        "dialect": "mssql+pyodbc",
        "host": "db.example.com",
        "database": "shop",
        "user": "etl",
        "password": "…",
    }

    def test(self, config: SqlalchemyConfig) -> str:
        with explaining(config), reading.reading(config) as connection:
            version = ".".join(map(str, connection.dialect.server_version_info or ()))
            return f"{connection.dialect.name} {version}".strip() + f", {config.place}"

    def tables(self, config: SqlalchemyConfig) -> Sequence[TableName]:
        import sqlalchemy as sa

        with explaining(config), reading.reading(config) as connection:
            inspector = sa.inspect(connection)
            own = inspector.default_schema_name
            names = [*inspector.get_table_names(), *inspector.get_view_names()]
        return [TableName(own or "", name) for name in sorted(names)]

    def estimates(self, config: SqlalchemyConfig) -> Mapping[TableName, int]:
        with explaining(config), reading.reading(config) as connection:
            return catalog.estimates(connection)

    def describe(self, config: SqlalchemyConfig, extraction: Extraction) -> Schema:
        with explaining(config, extraction.table), reading.reading(config) as connection:
            return catalog.describe(connection, extraction)

    def target_columns(self, config: SqlalchemyConfig, table: TableName) -> Sequence[Column]:
        with explaining(config, table), reading.reading(config) as connection:
            return catalog.target_columns(connection, table)

    def stream(self, config: SqlalchemyConfig, extraction: Extraction, schema: Schema) -> Stream:
        stream = reading.stream(config, extraction, schema)
        return replace(stream, batches=_explained(stream, config, extraction.table))

    def count(self, config: SqlalchemyConfig, table: TableName, most: int) -> int | None:
        with explaining(config, table), reading.reading(config) as connection:
            return catalog.count(connection, table, most)

    def latest(self, config: SqlalchemyConfig, extraction: Extraction, column: str) -> str | None:
        with explaining(config, extraction.table), reading.reading(config) as connection:
            return window.latest(connection, extraction, column)

    def watermark(self, config: SqlalchemyConfig, mark: Watermark) -> str | None:
        with explaining(config), reading.reading(config) as connection:
            books = SqlalchemyBooks(connection)
            return watermarks.read(books, mark) if books.has_watermarks() else None

    def load(
        self,
        config: SqlalchemyConfig,
        load: Load,
        session: duckdb.DuckDBPyConnection,
        query: str,
        on_rows: Callable[[int], None] = lambda rows: None,
        on_stop: Callable[[], None] = lambda: None,
        on_again: Callable[[], None] = lambda: None,
    ) -> LoadResult:
        with explaining(config, load.table):
            return load_rows(config, load, Rows(session, query, on_rows, on_stop))


def _explained(stream: Stream, config: SqlalchemyConfig, table: TableName | None) -> Any:
    with explaining(config, table, reads=True), contextlib.closing(stream.batches) as batches:
        yield from batches


CONNECTOR = Sqlalchemy
