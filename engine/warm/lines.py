"""JSON lines over a socket."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

Message = dict[str, Any]


class Line:
    """One end of a conversation. Readable by ``select``."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._rest = b""
        self.is_closed = False

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, **message: Any) -> None:
        """Send; nobody listening is no error, since the other's end is noticed anyway."""
        try:
            self._socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            self.is_closed = True

    def receive(self) -> Iterator[Message]:
        """What has arrived, whole lines only; waits when nothing has."""
        try:
            chunk = self._socket.recv(1 << 20)
        except OSError:
            chunk = b""
        self.is_closed = self.is_closed or not chunk
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        for line in whole:
            yield json.loads(line)

    def close(self) -> None:
        self._socket.close()


def pair() -> tuple[Line, Line]:
    one, other = socket.socketpair()
    return Line(one), Line(other)
