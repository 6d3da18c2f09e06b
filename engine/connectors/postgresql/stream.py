"""Rows of a DuckDB query as a stream of PostgreSQL's binary COPY format."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

_PIPE_BYTES = 1 << 20
#: What is read of it at once: what is sent at once lies in memory three times.
_PIECE_BYTES = 1 << 18


class RowStream:
    """Runs ``query`` in a thread that writes into a pipe; ``descriptor`` is the end to read.

    A context manager: leaving it stops the query if it still runs. The end of the stream
    says nothing about how the query ended: only ``finish`` does.
    """

    def __init__(
        self, session: duckdb.DuckDBPyConnection, query: str, on_stop: Callable[[], None]
    ) -> None:
        self._session = session
        self._on_stop = on_stop
        self._query = query
        self._rows = 0
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._produce, name="producer", daemon=True)

    def __enter__(self) -> RowStream:
        self.descriptor, self._inlet = os.pipe()
        with contextlib.suppress(OSError, AttributeError):  # the default size works as well
            fcntl.fcntl(self.descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def read(self) -> bytes:
        """The next bytes; empty at the end of the stream."""
        return os.read(self.descriptor, _PIECE_BYTES)

    def finish(self) -> int:
        """Rows produced. Raises what the query raised."""
        self._thread.join()
        if self._error:
            raise self._error
        return self._rows

    def stop(self) -> None:
        """End the query, whatever it is doing; harmless when it has ended.

        DuckDB leaves a database only when that has sent all it was asked for, so the sources
        must be told as well.
        """
        if self.descriptor >= 0:
            os.close(self.descriptor)  # a producer that is blocked on a full pipe wakes up
            self.descriptor = -1
        if self._thread.is_alive():
            self._on_stop()
        while self._thread.is_alive():
            self._session.interrupt()
            self._thread.join(0.05)

    def _produce(self) -> None:
        target = f"/dev/fd/{self._inlet}"
        try:
            copied = self._session.execute(
                f"COPY ({self._query}) TO '{target}' (FORMAT postgres_binary)"
            ).fetchone()
            self._rows = int(copied[0]) if copied else 0
        except BaseException as error:  # noqa: BLE001 - it is raised where the rows are awaited
            self._error = error
        finally:
            os.close(self._inlet)
