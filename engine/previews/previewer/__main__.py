"""``python -m engine.previews.previewer FD``: forks a child for each socket that arrives at FD.

It has everything imported, one thread, and no connection. It ends when the process that
started it does.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import socket
import sys

from engine.warm.dying import die_with

#: What a preview would import on its way.
_IMPORTED = (
    "engine.previews.previewer.child",
    "encodings.idna",
    "importlib.readers",
    "psycopg",
    "pyarrow",
    "sqlglot.optimizer.annotate_types",
)


def main() -> None:
    door = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for children
    _import_all()
    while True:
        message, handed, _, _ = socket.recv_fds(door, 1, 1)
        if not message:
            break
        for end in handed:
            _fork(end, door)


def _import_all() -> None:
    """All of it stays: to look for garbage meanwhile would take a sixth of the time."""
    gc.disable()
    for name in _IMPORTED:
        importlib.import_module(name)
    from engine import registry

    registry.kinds()
    registry.connectors()
    gc.freeze()
    gc.enable()


def _fork(end: int, door: socket.socket) -> None:
    from engine.previews.previewer.child import answer

    parent = os.getpid()
    if not os.fork():
        die_with(parent)
        door.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        answer(socket.socket(fileno=end))
    os.close(end)


if __name__ == "__main__":
    main()
