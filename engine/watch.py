"""Ends a query whose time is up, or whose run was told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import duckdb

from engine.errors import EngineError
from engine.sandbox import Sandbox

_PERIOD_SECONDS = 0.1


class TimedOut(EngineError):
    """The time limit was reached."""

    code = "E_TIMEOUT"


class Watch:
    """A context manager around one query; ``seconds`` None = no limit.

    Interrupts ``session`` again and again, for an interrupt that comes between two
    statements is lost. ``on_stop``, kept as ``stop_reading``, stops what the session waits
    for.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        session: duckdb.DuckDBPyConnection,
        seconds: float | None,
        on_stop: Callable[[], None],
    ) -> None:
        self._sandbox = sandbox
        self._session = session
        self._seconds = seconds
        self.stop_reading = on_stop
        self._end = time.monotonic() + seconds if seconds else float("inf")
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._done.set()
        self._thread.join()

    def check(self) -> None:
        """Raise ``Interrupted`` or ``TimedOut`` if the query must end."""
        self._sandbox.check()
        if time.monotonic() >= self._end:
            raise TimedOut(
                f"it took longer than its limit of {self._seconds:g} s, and was stopped; "
                "raise the limit, or filter earlier so that fewer rows are read"
            )

    def _watch(self) -> None:
        is_stopped = False
        while not self._done.wait(_PERIOD_SECONDS):
            if self._sandbox.is_interrupted or time.monotonic() >= self._end:
                self._session.interrupt()
                if not is_stopped:
                    self.stop_reading()
                is_stopped = True
