"""Asks whether to go on while a driver waits for its database."""

from __future__ import annotations

import threading
from collections.abc import Callable

_SECONDS = 0.5


class Pulse:
    """A context manager around a load whose statements block.

    ``on_wait`` is called every half a second from a thread of its own. When it raises, ``stop``
    ends the statement that is running, and leaving the context raises what ``on_wait`` raised.
    """

    def __init__(self, on_wait: Callable[[], None], stop: Callable[[], None]) -> None:
        self._on_wait = on_wait
        self._stop = stop
        self._done = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def __enter__(self) -> Pulse:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._done.set()
        self._thread.join()
        if self._error:
            raise self._error

    def _beat(self) -> None:
        while not self._done.wait(_SECONDS):
            try:
                self._on_wait()
            except BaseException as error:  # noqa: BLE001 - it is raised where the load is left
                self._error = error
                self._stop()
                return
