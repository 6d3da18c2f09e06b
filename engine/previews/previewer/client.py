"""Asks a process for previews; starts it when asked to, when it is needed, and when it is gone.

Every request is a pair of sockets, whose one end is handed to the previewer and by it to the
child that does the work. The child dies when the other end is closed: whoever no longer wants
an answer just hangs up.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.errors import Interrupted
from engine.warm.run import scrubbed

#: Previews at a time in one web process.
MAX_AT_ONCE = 4
#: What a child may take beyond the time of the preview itself, before it is given up.
GRACE_SECONDS = 5.0
_PERIOD_SECONDS = 0.1

Json = dict[str, Any]


class PreviewError(Exception):
    """There is no answer, and no node is to blame; ``code`` is stable."""

    code = ""


class PreviewerBusy(PreviewError):
    """Too many previews run at this moment; try again in a few seconds."""

    code = "E_PREVIEWS_BUSY"


class PreviewBroken(PreviewError):
    """The process of the preview ended without an answer."""

    code = "E_PREVIEW_BROKEN"

    def __init__(self) -> None:
        super().__init__(
            "the process of the preview ended without an answer, as one does that needs more "
            "memory than it may use; preview a node further up, or with fewer rows of each source"
        )


class _PreviewerGone(PreviewBroken):
    """The previewer itself has ended: another one may be asked."""


class Previewer:
    """Safe between threads, not across a fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(MAX_AT_ONCE)
        self._process: subprocess.Popen[bytes] | None = None
        self._door: socket.socket | None = None

    def start(self) -> None:
        """Have the process import what it needs before it is asked; returns at once."""
        with self._lock:
            self._opened_door()

    def ask(
        self, request: Mapping[str, Any], seconds: float, is_wanted: Callable[[], bool]
    ) -> Json:
        """The child's answer. Raises ``PreviewerBusy``, ``PreviewBroken`` or ``Interrupted``."""
        if not self._free.acquire(blocking=False):
            raise PreviewerBusy(
                f"{MAX_AT_ONCE} previews run at this moment, and there is room for no more; "
                "try again in a few seconds"
            )
        try:
            body = json.dumps(dict(request)).encode() + b"\n"
            with suppress(_PreviewerGone):
                return self._exchanged(body, seconds, is_wanted)
            return self._exchanged(body, seconds, is_wanted)
        finally:
            self._free.release()

    def close(self) -> None:
        """End the process, and with it every preview."""
        with self._lock:
            if self._process:
                self._process.kill()
            self._shut_door()

    def _exchanged(self, body: bytes, seconds: float, is_wanted: Callable[[], bool]) -> Json:
        ours, theirs = socket.socketpair()
        with self._lock:
            door = self._opened_door()
        try:
            with ours:
                with theirs:
                    socket.send_fds(door, [b"!"], [theirs.fileno()])
                ours.sendall(body)
                return _answer(ours, time.monotonic() + seconds + GRACE_SECONDS, is_wanted)
        except (OSError, PreviewBroken) as error:
            raise (_PreviewerGone() if _is_shut(door) else PreviewBroken()) from error

    def _opened_door(self) -> socket.socket:
        if self._door and _is_shut(self._door):
            self._shut_door()
        if self._door is None:
            self._door, inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with inside:
                self._process = _start(inside)
        return self._door

    def _shut_door(self) -> None:
        if self._door:
            self._door.close()
        if self._process:
            self._process.wait()
        self._door = self._process = None


def _start(inside: socket.socket) -> subprocess.Popen[bytes]:
    """The previewer sees as little of the environment as a worker does, and nothing of Prefect."""
    environment = scrubbed(os.environ)
    kept = {name: value for name, value in environment.items() if "PREFECT" not in name}
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "engine.previews.previewer", str(inside.fileno())],
        pass_fds=[inside.fileno()],
        stdin=subprocess.DEVNULL,
        cwd=Path(__file__).resolve().parents[3],
        # A process with one thread is forked cheap and whole.
        env={**kept, "OPENBLAS_NUM_THREADS": "1"},
    )


def _answer(ours: socket.socket, end: float, is_wanted: Callable[[], bool]) -> Json:
    received = b""
    while not received.endswith(b"\n"):
        if not is_wanted():
            raise Interrupted("the preview was canceled")
        if time.monotonic() > end:
            raise PreviewBroken
        if select.select([ours], [], [], _PERIOD_SECONDS)[0]:
            chunk = ours.recv(1 << 20)
            if not chunk:
                raise PreviewBroken
            received += chunk
    answer: Json = json.loads(received)
    return answer


def _is_shut(door: socket.socket) -> bool:
    """Nothing is ever said through the door: what there is to read is its end."""
    return door.fileno() < 0 or bool(select.select([door], [], [], 0)[0])
