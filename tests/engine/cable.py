"""A line to a server that a test can cut: it passes bytes on, and so many only of the answers."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType

_PIECE_BYTES = 65_536


class Cable:
    """Listens on this machine. When ``most`` bytes of answers have passed, nobody is there."""

    def __init__(self, host: str, port: int, most: int) -> None:
        self._server = (host, port)
        self._left = most
        self._entry = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = [self._entry]
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        return int(self._entry.getsockname()[1])

    def __enter__(self) -> Cable:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._cut()

    def _start(self, work: object, *ends: socket.socket) -> None:
        threading.Thread(target=work, args=ends, daemon=True).start()  # type: ignore[arg-type]

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._entry.accept()
                server = socket.create_connection(self._server)
                self._ends += [client, server]
                self._start(self._ask, client, server)
                self._start(self._answer, server, client)

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := client.recv(_PIECE_BYTES):
                server.sendall(piece)
            server.shutdown(socket.SHUT_WR)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := server.recv(_PIECE_BYTES):
                with self._lock:
                    self._left -= len(piece)
                if self._left < 0:
                    self._cut()
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)

    def _cut(self) -> None:
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
