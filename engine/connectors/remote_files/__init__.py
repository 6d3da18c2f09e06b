"""Files behind addresses: S3 and what is compatible, and http(s) to read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from engine.connector import Connector
from engine.connectors.remote_files.config import RemoteFilesConfig
from engine.errors import AccessDenied, ConnectorError, TableNotFound
from engine.media.files import FileExtraction, FileLoad, HeldFile, path_refusal
from engine.schema import Column, Schema
from engine.suggestion import nearest_to
from engine.transfer import Extraction, Load, LoadResult, TableName

if TYPE_CHECKING:
    import duckdb

    from engine.connectors.remote_files.store import Store

#: So many files are offered for choice.
_LISTED = 1000


class RemoteFiles(Connector[RemoteFilesConfig]):
    """Files below one prefix of addresses."""

    slug: ClassVar[str] = "remote_files"
    label: ClassVar[str] = "Remote files"
    aliases: ClassVar[tuple[str, ...]] = ("s3", "amazons3", "aws_s3", "http_files")
    medium: ClassVar[str] = "files"
    Config = RemoteFilesConfig
    example: ClassVar[dict[str, Any]] = {
        "url": "s3://exchange/orders",
        "access_key": "AKIA…",
        "secret_key": "…",
    }

    def test(self, config: RemoteFilesConfig) -> str:
        from engine.connectors.remote_files.store import explaining, store_of

        with explaining(config):
            if not config.is_s3:
                return f"'{config.url}' may be reached; files are read when nodes ask for them"
            count = len(_names(store_of(config)))
        more = "at least " if count == _LISTED else ""
        return f"'{config.url}' with {more}{count} files"

    def tables(self, config: RemoteFilesConfig) -> Sequence[TableName]:
        from engine.connectors.remote_files.store import explaining, store_of

        with explaining(config):
            names = _names(store_of(config)) if config.is_s3 else []
        return [TableName("", name) for name in names]

    def folders(self, config: RemoteFilesConfig) -> Sequence[str]:
        return [_root(config)]

    def describe(self, config: RemoteFilesConfig, extraction: Extraction) -> Schema:
        from engine.connectors.files import reading
        from engine.connectors.remote_files.store import explaining, register

        with explaining(config):
            relation = self.relation(config, extraction, "")
            return reading.describe(
                _root(config), relation, lambda session: register(config, session)
            )

    def attach(
        self, config: RemoteFilesConfig, session: duckdb.DuckDBPyConnection, alias: str
    ) -> None:
        self.prepare(config, session)

    def prepare(self, config: RemoteFilesConfig, session: duckdb.DuckDBPyConnection) -> None:
        from engine.connectors.remote_files.store import register

        register(config, session)

    def explained(
        self, config: RemoteFilesConfig, extraction: Extraction, said: str
    ) -> ConnectorError | None:
        from engine.connectors.files.locating import located
        from engine.connectors.remote_files.store import cut_off, explaining, store_of

        if not isinstance(extraction, FileExtraction) or not said.startswith("E_"):
            return cut_off(config, said)
        with explaining(config):
            return located(
                said, extraction, lambda: _find(config, store_of(config), extraction.path)
            )

    def relation(self, config: RemoteFilesConfig, extraction: Extraction, alias: str) -> str:
        from engine.connectors.files import reading
        from engine.connectors.remote_files.store import explaining, store_of

        if not isinstance(extraction, FileExtraction):
            raise _unfit()
        with explaining(config):
            files = _find(config, store_of(config), extraction.path)
            return reading.relation(_root(config), files, extraction)

    def target_columns(self, config: RemoteFilesConfig, table: TableName) -> Sequence[Column]:
        """None: a file takes whatever columns come."""
        return ()

    def held_files(self, config: RemoteFilesConfig, path: str) -> Sequence[HeldFile]:
        from engine.connectors.remote_files.store import explaining, store_of

        with explaining(config):
            found = store_of(config).find(path, detail=True) if config.is_s3 else {}
        return [HeldFile(name, int(file["size"] or 0)) for name, file in sorted(found.items())]

    def load(
        self,
        config: RemoteFilesConfig,
        load: Load,
        session: duckdb.DuckDBPyConnection,
        query: str,
        on_rows: Callable[[int], None] = lambda rows: None,
        on_stop: Callable[[], None] = lambda: None,
        on_again: Callable[[], None] = lambda: None,
    ) -> LoadResult:
        from engine.connectors.remote_files.delivery import RemoteDelivery
        from engine.connectors.remote_files.store import explaining

        if not isinstance(load, FileLoad):
            raise _unfit()
        if not config.is_s3:
            raise AccessDenied(
                f"'{config.url}' can only be read; choose a connection to S3 or to a folder"
            )
        with explaining(config):
            return RemoteDelivery(config, load).load(session, query, lambda: on_rows(0))


@dataclass(frozen=True, slots=True)
class _RemoteFile:
    store: Store
    name: str
    location: str

    def open(self) -> BinaryIO:
        return self.store.open(self.name)


def _root(config: RemoteFilesConfig) -> str:
    """How every location begins, without its last slash."""
    from engine.connectors.remote_files.store import protocol_of

    return f"{protocol_of(config)}:/"


def _names(store: Store) -> list[str]:
    found = store.find("", maxdepth=None)
    return [name for name in found if not _is_hidden(name)][:_LISTED]


def _find(config: RemoteFilesConfig, store: Store, path: str) -> list[_RemoteFile]:
    """Files that ``path``, a name or a pattern, stands for; sorted, and at least one."""
    if reason := path_refusal(path, is_pattern=True):
        raise AccessDenied(reason)
    is_pattern = any(sign in path for sign in "*?[")
    if is_pattern and not config.is_s3:
        raise ConnectorError(
            f"path '{path}' is a pattern, and files over http(s) cannot be listed; name one file",
            permanent=True,
        )
    if is_pattern:
        names = sorted(name for name in store.glob(path) if store.isfile(name))
    else:
        names = [path] if store.isfile(path) else []
    names = [name for name in names if not _is_hidden(name)]
    if not names:
        nearest = nearest_to(path, _names(store)) if config.is_s3 else ""
        hint = f"did you mean '{nearest}'?" if nearest else "check the path"
        raise TableNotFound(f"there is no file '{path}' at '{config.url}'; {hint}")
    return [_RemoteFile(store, name, f"{_root(config)}/{name}") for name in names]


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _unfit() -> ConnectorError:
    return ConnectorError(
        "nodes of databases cannot use a connection to files; choose a file node", permanent=True
    )


CONNECTOR = RemoteFiles
