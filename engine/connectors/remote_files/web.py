"""Files over http(s), read only: each is fetched whole into an unnamed file when it is opened."""

from __future__ import annotations

import tempfile
from typing import Any, BinaryIO, cast
from urllib.parse import quote

import httpcore
import httpx
from fsspec import AbstractFileSystem

from engine.connectors.http.transport import CheckedTransport
from engine.connectors.remote_files.config import RemoteFilesConfig
from engine.errors import AccessDenied, ConnectorError, Unreachable


class WebFiles(AbstractFileSystem):  # type: ignore[misc]
    """Paths are addresses. Servers need not know ranges of bytes."""

    cachable = False
    protocol = ("http", "https")

    def __init__(self, config: RemoteFilesConfig) -> None:
        super().__init__()
        self._config = config

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        """Raises ``FileNotFoundError``."""
        with self._client() as client, self._sent(client, path) as response:
            size = response.headers.get("Content-Length")
            return {"name": path, "size": int(size) if size else None, "type": "file"}

    def exists(self, path: str, **kwargs: Any) -> bool:
        try:
            self.info(path)
        except FileNotFoundError:
            return False
        return True

    def isfile(self, path: str) -> bool:
        return self.exists(path)

    def glob(self, path: str, **kwargs: Any) -> list[str]:
        return [path] if self.exists(path) else []

    def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> BinaryIO:
        if mode != "rb":
            raise PermissionError("files over http(s) can be read only")
        found = tempfile.TemporaryFile()  # noqa: SIM115 - whoever opens it closes it
        try:
            with self._client() as client, self._sent(client, path) as response:
                for part in response.iter_bytes():
                    found.write(part)
                    if found.tell() > self._config.options.max_file_mb << 20:
                        raise OSError(
                            f"file '{path}' has more than {self._config.options.max_file_mb} MB; "
                            "raise options.max_file_mb of the connection"
                        )
        except BaseException:
            found.close()
            raise
        found.seek(0)
        return cast(BinaryIO, _Fetched(found))

    def _client(self) -> httpx.Client:
        timeout = self._config.options.timeout_seconds
        return httpx.Client(transport=CheckedTransport(), timeout=timeout, follow_redirects=True)

    def _sent(self, client: httpx.Client, path: str) -> Any:
        return _Sent(client, quote(path, safe=":/"))


class _Fetched:
    """A file that is closed when nobody has it any more: DuckDB forgets the files it has read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __enter__(self) -> BinaryIO:
        return self._file

    def __exit__(self, *exc: Any) -> None:
        self._file.close()

    def __del__(self) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class _Sent:
    """The answer to a request, for as long as a block lasts."""

    def __init__(self, client: httpx.Client, url: str) -> None:
        self._stream = client.stream("GET", url)
        self._url = url

    def __enter__(self) -> httpx.Response:
        try:
            response = self._stream.__enter__()
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            raise Unreachable(
                f"'{self._url}' does not answer ({error or type(error).__name__}); check address, "
                "port, TLS and firewall"
            ) from None
        try:
            self._refuse(response)
        except BaseException:
            response.close()
            raise
        return response

    def __exit__(self, *exc: Any) -> None:
        self._stream.__exit__(*exc)

    def _refuse(self, response: httpx.Response) -> None:
        match response.status_code:
            case status if status < 300:
                return
            case 404 | 410:
                raise FileNotFoundError(f"there is no file at '{self._url}'")
            case 401 | 403:
                raise AccessDenied(
                    f"'{self._url}' answers {response.status_code}; it is not public"
                )
            case status:
                raise ConnectorError(f"'{self._url}' answers {status}; try again later")
