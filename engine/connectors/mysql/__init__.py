"""MySQL, MariaDB and SingleStore: read and write tables, exactly once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import sqlglot

from engine.columns.choosing import chosen
from engine.connectors.mysql import catalog, matching, window
from engine.connectors.mysql.books import MysqlBooks
from engine.connectors.mysql.config import MysqlConfig
from engine.connectors.mysql.explaining import explaining
from engine.connectors.mysql.loading import Rows, load_rows
from engine.connectors.mysql.rows import Reading, line_of
from engine.expression import to_sql
from engine.loads import watermarks
from engine.schema import Column, Schema
from engine.stages.pushing import TRIED_PER_ROW, pushed
from engine.streams.streaming import Stream, StreamedConnector
from engine.transfer import Extraction, Load, LoadResult, TableName, Watermark

if TYPE_CHECKING:
    import duckdb
    from pymysql import Connection


class Mysql(StreamedConnector[MysqlConfig]):
    """MySQL 5.7 and later, MariaDB 10.3 and later, and what speaks their protocol."""

    slug: ClassVar[str] = "mysql"
    label: ClassVar[str] = "MySQL / MariaDB"
    aliases: ClassVar[tuple[str, ...]] = (
        "mariadb",
        "singlestore",
        "memsql",
        "auroramysql",
        "amazonaurora",
        "tidb",
    )
    Config = MysqlConfig
    example: ClassVar[dict[str, Any]] = {
        "host": "db.example.com",
        "database": "shop",
        "user": "etl",
        "password": "…",
    }

    def test(self, config: MysqlConfig) -> str:
        with _connected(config) as connection:
            query = "SELECT version(), @@version_comment"
            ((version, comment),) = catalog.rows_of(connection, query)
        family = next((f for f in ("MariaDB", "SingleStore") if f in f"{version} {comment}"), "")
        return f"{family or 'MySQL'} {str(version).split('-')[0]}, database '{config.database}'"

    def tables(self, config: MysqlConfig) -> Sequence[TableName]:
        with _connected(config) as connection:
            return catalog.tables(connection)

    def estimates(self, config: MysqlConfig) -> Mapping[TableName, int]:
        with _connected(config) as connection:
            return catalog.estimates(connection)

    def describe(self, config: MysqlConfig, extraction: Extraction) -> Schema:
        found = self._columns(config, extraction)
        return Schema(tuple(c.described() for c in chosen(found, extraction.columns)))

    def target_columns(self, config: MysqlConfig, table: TableName) -> Sequence[Column]:
        with _connected(config, table) as connection:
            found = catalog.target_columns(connection, table)
        return [column.described() for column in found if column.type.duckdb]

    def stream(self, config: MysqlConfig, extraction: Extraction, schema: Schema) -> Stream:
        found = self._columns(config, extraction)
        columns = chosen(found, schema.names)
        query = f"SELECT {line_of(columns)} FROM {catalog.relation_of(extraction)}"
        if where := _where(found, schema, extraction):
            query += f" WHERE {where}"
        if extraction.limit:
            query += f" LIMIT {extraction.limit * (TRIED_PER_ROW if extraction.filter else 1)}"
        stream = Reading(config.connect, query, columns).stream()
        return replace(stream, batches=_explained(stream, config, extraction.table))

    def latest(self, config: MysqlConfig, extraction: Extraction, column: str) -> str | None:
        with _connected(config, extraction.table) as connection:
            (found,) = chosen(catalog.columns(connection, extraction), [column])
            return window.latest(connection, found, catalog.relation_of(extraction))

    def watermark(self, config: MysqlConfig, mark: Watermark) -> str | None:
        with _connected(config) as connection:
            books = MysqlBooks(connection, config.ledger_database)
            return watermarks.read(books, mark) if books.has_watermarks() else None

    def count(self, config: MysqlConfig, table: TableName, most: int) -> int | None:
        with _connected(config.hurried(matching.SECONDS), table) as connection:
            return matching.count(connection, table, most)

    def matches(
        self,
        config: MysqlConfig,
        load: Load,
        keys: Mapping[str, Sequence[str | None]],
        types: Mapping[str, str],
    ) -> Sequence[int] | None:
        with _connected(config.hurried(matching.SECONDS), load.table) as connection:
            return matching.matches(connection, load.table, keys)

    def load(
        self,
        config: MysqlConfig,
        load: Load,
        session: duckdb.DuckDBPyConnection,
        query: str,
        on_rows: Callable[[int], None] = lambda rows: None,
        on_stop: Callable[[], None] = lambda: None,
        on_again: Callable[[], None] = lambda: None,
    ) -> LoadResult:
        with explaining(config, load.table):
            return load_rows(config, load, Rows(session, query, on_rows, on_stop))

    def _columns(self, config: MysqlConfig, extraction: Extraction) -> list[catalog.NativeColumn]:
        with _connected(config, extraction.table) as connection:
            return catalog.columns(connection, extraction)


def _where(found: Sequence[catalog.NativeColumn], schema: Schema, extraction: Extraction) -> str:
    """The window, and what of the filter means the same here as in DuckDB."""
    terms = []
    if extraction.window:
        (column,) = chosen(found, [extraction.window.column])
        terms.append(window.condition(extraction.window, column))
    if extraction.filter:
        condition = to_sql(extraction.filter, schema, extraction.parameters or {})
        tree = sqlglot.parse_one(condition, read="duckdb")
        terms.append(pushed(tree, {c.name.casefold(): c for c in schema}, catalog.quote))
    return " AND ".join(filter(None, terms))


def _explained(stream: Stream, config: MysqlConfig, table: TableName | None) -> Any:
    with explaining(config, table), contextlib.closing(stream.batches) as batches:
        yield from batches


@contextlib.contextmanager
def _connected(config: MysqlConfig, table: TableName | None = None) -> Iterator[Connection]:
    """A read-only connection that is closed in the end."""
    with explaining(config, table), contextlib.closing(config.connect()) as connection:
        yield connection


CONNECTOR = Mysql
