"""MongoDB: reads collections and writes documents, exactly once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from engine.columns.choosing import chosen
from engine.connectors.mongodb.config import MongodbConfig
from engine.connectors.mongodb.explaining import explaining
from engine.errors import ConnectorError
from engine.media.documents import DocumentExtraction, DocumentLoad
from engine.schema import Column, Schema
from engine.streams.streaming import Stream, StreamedConnector
from engine.transfer import Extraction, Load, LoadResult, TableName, Watermark

if TYPE_CHECKING:
    import duckdb
    from pymongo.database import Database

    from engine.connectors.mongodb.fields import Field


class Mongodb(StreamedConnector[MongodbConfig]):
    """MongoDB 4.4 and later, and what speaks its protocol and has ``$merge``."""

    slug: ClassVar[str] = "mongodb"
    label: ClassVar[str] = "MongoDB"
    aliases: ClassVar[tuple[str, ...]] = ("mongo", "mongo_db")
    medium: ClassVar[str] = "documents"
    Config = MongodbConfig
    example: ClassVar[dict[str, Any]] = {
        "hosts": "db.example.com",
        "database": "shop",
        "user": "etl",
        "password": "…",
    }

    def test(self, config: MongodbConfig) -> str:
        from engine.connectors.mongodb.fields import collections

        with _opened(config) as database:
            version = database.client.server_info()["version"]
            count = len(collections(database))
        return f"MongoDB {version}, database '{config.database}' with {count} collections"

    def tables(self, config: MongodbConfig) -> Sequence[TableName]:
        from engine.connectors.mongodb.fields import collections

        with _opened(config) as database:
            return [TableName("", name) for name in collections(database)]

    def estimates(self, config: MongodbConfig) -> Mapping[TableName, int]:
        from engine.connectors.mongodb.fields import collections

        with _opened(config) as database:
            return {
                TableName("", name): database[name].estimated_document_count()
                for name in collections(database)
            }

    def describe(self, config: MongodbConfig, extraction: Extraction) -> Schema:
        fields = chosen(_fields(config, extraction), extraction.columns)
        return Schema(tuple(field.column for field in fields))

    def stream(self, config: MongodbConfig, extraction: Extraction, schema: Schema) -> Stream:
        from engine.connectors.mongodb import reading
        from engine.connectors.mongodb.fields import described

        assert isinstance(extraction, DocumentExtraction)
        return reading.stream(config, extraction, described(extraction, schema))

    def latest(self, config: MongodbConfig, extraction: Extraction, column: str) -> str | None:
        from engine.connectors.mongodb import window
        from engine.connectors.mongodb.fields import existing

        name = str(extraction.table)
        with _opened(config, name) as database:
            return window.latest(existing(database, name), column)

    def watermark(self, config: MongodbConfig, mark: Watermark) -> str | None:
        from engine.connectors.mongodb.books import Books, primary

        with _opened(config) as database:
            return Books(primary(database)).watermark(mark)

    def target_columns(self, config: MongodbConfig, table: TableName) -> Sequence[Column]:
        """Fields of unique indexes, by which an upsert may go; others need not be known."""
        from engine.connectors.mongodb.fields import existing
        from engine.connectors.mongodb.indexes import unique_fields

        with _opened(config, table.table) as database:
            return unique_fields(existing(database, table.table))

    def count(self, config: MongodbConfig, table: TableName, most: int) -> int | None:
        with _opened(config, table.table) as database:
            return database[table.table].count_documents({}, limit=most)

    def matches(
        self,
        config: MongodbConfig,
        load: Load,
        keys: Mapping[str, Sequence[str | None]],
        types: Mapping[str, str],
    ) -> Sequence[int] | None:
        from engine.connectors.mongodb import matching

        if not isinstance(load, DocumentLoad):
            raise _unfit()
        name = load.table.table
        with _opened(config, name) as database:
            return matching.matches(database[name], load, keys, types)

    def load(
        self,
        config: MongodbConfig,
        load: Load,
        session: duckdb.DuckDBPyConnection,
        query: str,
        on_rows: Callable[[int], None] = lambda rows: None,
        on_stop: Callable[[], None] = lambda: None,
        on_again: Callable[[], None] = lambda: None,
    ) -> LoadResult:
        from engine.connectors.mongodb.loading import Loading

        if not isinstance(load, DocumentLoad):
            raise _unfit()
        with _opened(config, load.table.table) as database:
            return Loading(database, load, on_rows).load(session, query)


@contextlib.contextmanager
def _opened(config: MongodbConfig, collection: str = "") -> Iterator[Database[dict[str, Any]]]:
    with explaining(config, collection), config.connect() as client:
        yield client[config.database]


def _fields(config: MongodbConfig, extraction: Extraction) -> list[Field]:
    from engine.connectors.mongodb.fields import fields_of

    if not isinstance(extraction, DocumentExtraction):
        raise _unfit()
    with _opened(config, str(extraction.table)) as database:
        return fields_of(database, extraction)


def _unfit() -> ConnectorError:
    return ConnectorError(
        "nodes of databases cannot use a connection to documents; choose a MongoDB node",
        permanent=True,
    )


CONNECTOR = Mongodb
