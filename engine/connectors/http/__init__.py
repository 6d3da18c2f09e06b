"""HTTP services: reads rows from pages of JSON."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from engine.columns.choosing import chosen
from engine.connectors.http.config import HttpConfig
from engine.errors import ConnectorError
from engine.media.requests import RestExtraction
from engine.schema import Column, Schema
from engine.streams.streaming import Stream, StreamedConnector
from engine.transfer import Extraction, Load, LoadResult, TableName

if TYPE_CHECKING:
    import duckdb


class Http(StreamedConnector[HttpConfig]):
    """A service that answers in JSON."""

    slug: ClassVar[str] = "http"
    label: ClassVar[str] = "HTTP service"
    aliases: ClassVar[tuple[str, ...]] = ("rest", "rest_api", "https")
    medium: ClassVar[str] = "http"
    Config = HttpConfig
    example: ClassVar[dict[str, Any]] = {
        "base_url": "https://api.example.com/v1",
        "auth": "bearer",
        "token": "…",
    }

    def test(self, config: HttpConfig) -> str:
        """Whoever answers at all is there, unless it says that one may not enter."""
        from engine.connectors.http.client import Client
        from engine.errors import TableNotFound

        with Client(config, threading.Event()) as client:
            url = client.url_of(config.test_path)
            try:
                return f"'{url}' answers {client.get(url, {}).status}"
            except TableNotFound:
                if config.test_path:
                    raise
                return f"'{url}' is there, and has no page at its base URL"

    def tables(self, config: HttpConfig) -> Sequence[TableName]:
        """None: a service does not say which paths it has."""
        return ()

    def describe(self, config: HttpConfig, extraction: Extraction) -> Schema:
        from engine.connectors.http import reading

        if not isinstance(extraction, RestExtraction):
            raise _unfit()
        every = reading.describe(config, extraction)
        return Schema(tuple(chosen(every.columns, extraction.columns)))

    def stream(self, config: HttpConfig, extraction: Extraction, schema: Schema) -> Stream:
        from engine.connectors.http import reading

        assert isinstance(extraction, RestExtraction)
        return reading.stream(config, extraction, schema)

    def target_columns(self, config: HttpConfig, table: TableName) -> Sequence[Column]:
        raise _unfit()

    def load(
        self,
        config: HttpConfig,
        load: Load,
        session: duckdb.DuckDBPyConnection,
        query: str,
        on_rows: Callable[[int], None] = lambda rows: None,
        on_stop: Callable[[], None] = lambda: None,
        on_again: Callable[[], None] = lambda: None,
    ) -> LoadResult:
        raise _unfit()


def _unfit() -> ConnectorError:
    return ConnectorError(
        "a connection to an HTTP service is read by REST source nodes only", permanent=True
    )


CONNECTOR = Http
