"""Files of a folder on the worker's host: CSV, Parquet, JSON lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from engine.connector import Connector
from engine.connectors.files import place
from engine.connectors.files.config import FilesConfig
from engine.errors import ConnectorError
from engine.media.files import FileExtraction, FileLoad, HeldFile
from engine.schema import Column, Schema
from engine.transfer import Extraction, Load, LoadResult, TableName

if TYPE_CHECKING:
    import duckdb

#: So many files are offered for choice.
_LISTED = 1000


class Files(Connector[FilesConfig]):
    """Files in a folder of the worker's host, which its operator has to allow."""

    slug: ClassVar[str] = "files"
    label: ClassVar[str] = "Files"
    aliases: ClassVar[tuple[str, ...]] = ("file", "local_files")
    medium: ClassVar[str] = "files"
    Config = FilesConfig
    example: ClassVar[dict[str, Any]] = {"root": "/srv/exchange"}

    def test(self, config: FilesConfig) -> str:
        count = len(self.tables(config))
        more = "at least " if count == _LISTED else ""
        return f"folder '{place.root_of(config)}' with {more}{count} files"

    def tables(self, config: FilesConfig) -> Sequence[TableName]:
        names = place.listed(place.root_of(config))
        return [TableName("", name) for name, _ in zip(names, range(_LISTED), strict=False)]

    def folders(self, config: FilesConfig) -> Sequence[str]:
        return [str(place.root_of(config))]

    def describe(self, config: FilesConfig, extraction: Extraction) -> Schema:
        from engine.connectors.files import reading

        root = str(place.root_of(config))
        return reading.describe(root, self.relation(config, extraction, ""))

    def attach(self, config: FilesConfig, session: duckdb.DuckDBPyConnection, alias: str) -> None:
        """Nothing is kept open: each file is opened when its rows are read."""

    def explained(
        self, config: FilesConfig, extraction: Extraction, said: str
    ) -> ConnectorError | None:
        from engine.connectors.files.locating import located

        if not isinstance(extraction, FileExtraction):
            return None
        root = place.root_of(config)
        return located(said, extraction, lambda: place.find(root, extraction.path))

    def relation(self, config: FilesConfig, extraction: Extraction, alias: str) -> str:
        from engine.connectors.files import reading

        if not isinstance(extraction, FileExtraction):
            raise _unfit()
        root = place.root_of(config)
        return reading.relation(str(root), place.find(root, extraction.path), extraction)

    def target_columns(self, config: FilesConfig, table: TableName) -> Sequence[Column]:
        """None: a file takes whatever columns come."""
        return ()

    def held_files(self, config: FilesConfig, path: str) -> Sequence[HeldFile]:
        return place.held(place.root_of(config), path)

    def load(
        self,
        config: FilesConfig,
        load: Load,
        session: duckdb.DuckDBPyConnection,
        query: str,
        on_rows: Callable[[int], None] = lambda rows: None,
        on_stop: Callable[[], None] = lambda: None,
        on_again: Callable[[], None] = lambda: None,
    ) -> LoadResult:
        from engine.connectors.files.writing import Delivery

        if not isinstance(load, FileLoad):
            raise _unfit()
        return Delivery(place.root_of(config), load).load(session, query, lambda: on_rows(0))


def _unfit() -> ConnectorError:
    return ConnectorError(
        "nodes of databases cannot use a connection to files; choose a file node", permanent=True
    )


CONNECTOR = Files
