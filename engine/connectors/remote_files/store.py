"""The files below a connection's prefix, as DuckDB and loads see them: nothing else is there."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO

from fsspec.implementations.dirfs import DirFileSystem

from engine import network
from engine.connectors.remote_files.config import RemoteFilesConfig
from engine.connectors.remote_files.web import WebFiles
from engine.errors import AccessDenied, ConnectorError, EngineError, TableNotFound, Unreachable
from engine.network import Reach

if TYPE_CHECKING:
    import duckdb

#: Classes of what botocore, aiohttp and urllib raise when nobody answers any more.
_NOBODY_ANSWERS = (
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ConnectionClosedError",
    "ResponseStreamingError",
    "ClientConnectorError",
    "ServerDisconnectedError",
    "ClientPayloadError",
    "IncompleteRead",
    "ConnectionResetError",
    "ConnectionRefusedError",
    "TimeoutError",
)


@dataclass(frozen=True, slots=True)
class Written:
    """What was written into a file, found out on the way."""

    bytes: int
    sha256: str


class Store(DirFileSystem):  # type: ignore[misc]
    """Paths are relative to the connection's prefix; DuckDB puts ``protocol://`` before them."""

    cachable = False

    def __init__(self, config: RemoteFilesConfig) -> None:
        inner = _s3(config) if config.is_s3 else WebFiles(config)
        super().__init__(path=config.place if config.is_s3 else config.url, fs=inner)
        self.protocol = protocol_of(config)
        self.written: dict[str, Written] = {}

    def _strip_protocol(self, path: str) -> str:
        return path.removeprefix(f"{self.protocol}://").strip("/")

    def open(self, path: str, mode: str = "rb", **kwargs: Any) -> BinaryIO:
        path = self._strip_protocol(path)
        _refuse_outside(path)
        opened = super().open(path, mode, **kwargs)
        return opened if "r" in mode else _Hashed(opened, path, self.written)  # type: ignore[return-value]


class _Hashed:
    """A file that is written from its beginning to its end."""

    def __init__(self, file: BinaryIO, path: str, written: dict[str, Written]) -> None:
        self._file = file
        self._path = path
        self._written = written
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, content: bytes) -> int:
        self._digest.update(content)
        self._size += len(content)
        return self._file.write(content)

    def close(self) -> None:
        self._file.close()
        self._written[self._path] = Written(self._size, self._digest.hexdigest())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def protocol_of(config: RemoteFilesConfig) -> str:
    """A name for the files of this very connection."""
    text = f"{config.url}\0{config.endpoint}\0{config.access_key}"
    return f"remote-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def store_of(config: RemoteFilesConfig) -> Store:
    """The same one in one process: to make one takes botocore a while."""
    return _made(config, os.getpid())


@lru_cache(maxsize=16)
def _made(config: RemoteFilesConfig, process: int) -> Store:
    return Store(config)


def register(config: RemoteFilesConfig, session: duckdb.DuckDBPyConnection) -> None:
    """Let a DuckDB database open the files; settings decide whether it may."""
    if not session.filesystem_is_registered(protocol_of(config)):
        session.register_filesystem(store_of(config))


@contextmanager
def explaining(config: RemoteFilesConfig) -> Iterator[None]:
    """Raise whatever goes wrong inside as the ``ConnectorError`` it means."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        network.addresses(config.host, 443, Reach.PUBLIC)
        yield
    except EngineError:
        raise
    except FileNotFoundError as error:
        raise TableNotFound(
            f"'{config.url}' is not there ({_said(error, config)}); check the bucket and the path"
        ) from None
    except PermissionError as error:
        raise AccessDenied(
            f"'{config.url}' does not let the access key in ({_said(error, config)}); check access "
            "key, secret key and the rights on the bucket"
        ) from None
    except (BotoCoreError, ClientError, OSError) as error:
        raise _unreachable(config, _said(error, config)) from None


def cut_off(config: RemoteFilesConfig, said: str) -> Unreachable | None:
    """What Python raises in DuckDB's reads."""
    signs = [sign for sign in _NOBODY_ANSWERS if sign in said]
    return _unreachable(config, signs[0]) if signs else None


def _unreachable(config: RemoteFilesConfig, said: str) -> Unreachable:
    return Unreachable(
        f"'{config.url}' at {config.host} does not answer as it should ({said}); check endpoint, "
        "region and bucket"
    )


def _s3(config: RemoteFilesConfig) -> Any:
    """The keys of the connection and no others, whatever this host's own are."""
    from s3fs import S3FileSystem

    return S3FileSystem(
        anon=not config.access_key,
        key=config.access_key or None,
        secret=config.secret_key.get_secret_value() or None,
        endpoint_url=config.endpoint or None,
        client_kwargs={"region_name": config.region},
        config_kwargs={
            "connector_args": {"socket_factory": _checked_socket(config.host)},
            "connect_timeout": min(10, config.options.timeout_seconds),
            "read_timeout": config.options.timeout_seconds,
            "s3": {"addressing_style": "path" if config.endpoint else "auto"},
            "ignore_configured_endpoint_urls": True,
            "proxies": {},
        },
        use_listings_cache=False,
        skip_instance_cache=True,
    )


def _checked_socket(host: str) -> Any:
    """A maker of sockets for addresses that may be reached: this is where a connection begins."""

    def make(address: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, place = address
        if not network.is_allowed(str(place[0]), host, Reach.PUBLIC):
            raise PermissionError(network.refused(host, str(place[0])).message)
        return socket.socket(family, kind, protocol)

    return make


def _refuse_outside(path: str) -> None:
    if ".." in path.split("/") or "\\" in path:
        raise ConnectorError(f"path '{path}' leads out of the connection's prefix", permanent=True)


def _said(error: Exception, config: RemoteFilesConfig) -> str:
    text = " ".join(str(error).split())[:300] or type(error).__name__
    secret = config.secret_key.get_secret_value()
    return text.replace(secret, "***") if secret else text
