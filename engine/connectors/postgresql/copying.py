"""Feeds COPY … FROM STDIN from a row stream, in large pieces and without ever blocking.

libpq is driven directly: psycopg's own ``copy`` would cut the stream into small pieces.
No wait lasts longer than half a second without asking ``on_wait`` whether to go on.
"""

from __future__ import annotations

import contextlib
import json
import select
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from engine.connectors.postgresql.stream import RowStream

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn, PGresult

_WAIT_MILLISECONDS = 500
#: A binary stream without rows: signature, flags, extension length, trailer.
_EMPTY_STREAM_BYTES = 21


class CopyIn:
    """One COPY on a connection that sends no notices, so that what comes is an error."""

    def __init__(self, connection: PGconn, on_wait: Callable[[], None]) -> None:
        self._connection = connection
        self._on_wait = on_wait
        self._server_spoke = False

    def first_rows(self, stream: RowStream) -> bytes:
        """The stream's first bytes that hold a row, or all of it when there is none."""
        head = b""
        while len(head) <= _EMPTY_STREAM_BYTES:
            self._wait({stream.descriptor: select.POLLIN})
            piece = stream.read()
            if not piece:
                break
            head += piece
        return head

    def feed(self, statement: str, head: bytes, stream: RowStream) -> tuple[int, int]:
        """Run ``statement`` over ``head`` and the rest: rows produced, rows PostgreSQL took.

        PostgreSQL takes a binary stream that breaks off for a complete one, so the COPY is
        ended well only when the producer has ended well. Raises what either side raised.
        """
        self._begin(statement)
        if not self._pump(head, stream):
            stream.stop()
            return 0, self._end(b"stopped, because the server had something to say")
        try:
            produced = stream.finish()
        except BaseException:
            self._abandon()
            raise
        return produced, self._end(None)

    def execute(self, statement: str) -> int:
        """Run another statement of the load, however long it takes; rows it touched."""
        return self._run(statement).command_tuples or 0

    def explain(self, statement: str, options: str) -> dict[str, Any]:
        """The plan of a statement, which ANALYZE among the options has run."""
        result = self._run(f"EXPLAIN ({options}, FORMAT json) {statement}")
        plan: dict[str, Any] = json.loads(result.get_value(0, 0) or b"[]")[0]["Plan"]
        return plan

    def _run(self, statement: str) -> PGresult:
        from psycopg.pq import ExecStatus

        self._connection.send_query(statement.encode())
        self._flush()
        result = self._last_result()
        if result is None or result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
            raise _error(result)
        return result

    def _begin(self, statement: str) -> None:
        from psycopg.pq import ExecStatus

        self._connection.send_query(statement.encode())
        self._flush()
        result = self._result()
        if result is None or result.status != ExecStatus.COPY_IN:
            raise _error(result)
        self._server_spoke = False

    def _pump(self, head: bytes, stream: RowStream) -> bool:
        """Send everything; False when the server spoke up, which in a COPY means an error."""
        socket = self._connection.socket
        piece = head
        while piece and not self._server_spoke:
            self._send(piece)
            if socket in self._wait({stream.descriptor: select.POLLIN, socket: select.POLLIN}):
                return False
            piece = stream.read()
        return not self._server_spoke

    def _send(self, piece: bytes) -> None:
        while self._connection.put_copy_data(piece) == 0:
            self._flush()
        self._flush()

    def _flush(self) -> None:
        """Hand everything to the network; listen meanwhile, or both sides could wait."""
        socket = self._connection.socket
        while self._connection.flush():
            if self._wait({socket: select.POLLIN | select.POLLOUT})[socket] & select.POLLIN:
                self._connection.consume_input()
                self._server_spoke = True

    def _end(self, reason: bytes | None) -> int:
        """Rows the server took. ``reason`` makes it fail; raises its error."""
        from psycopg.pq import ExecStatus

        while self._connection.put_copy_end(reason) == 0:
            self._flush()
        self._flush()
        result = self._last_result()
        if result is None or result.status != ExecStatus.COMMAND_OK:
            raise _error(result)
        return result.command_tuples or 0

    def _abandon(self) -> None:
        """Make the server forget what it got; the caller knows why."""
        import psycopg

        with contextlib.suppress(psycopg.Error):
            self._end(b"the rows did not arrive whole")

    def _last_result(self) -> PGresult | None:
        """The result of the one statement that was sent, with the connection free again."""
        result = self._result()
        while self._result():
            pass
        return result

    def _result(self) -> PGresult | None:
        while self._connection.is_busy():
            self._wait({self._connection.socket: select.POLLIN})
            self._connection.consume_input()
        return self._connection.get_result()

    def _wait(self, wanted: Mapping[int, int]) -> dict[int, int]:
        """Descriptors that are ready, and for what."""
        poll = select.poll()
        for descriptor, events in wanted.items():
            poll.register(descriptor, events)
        while not (ready := poll.poll(_WAIT_MILLISECONDS)):
            self._on_wait()
        return dict(ready)


def _error(result: PGresult | None) -> Exception:
    import psycopg

    if result is None:
        return psycopg.OperationalError("the server ended the connection")
    return psycopg.errors.error_from_result(result, "utf-8")
