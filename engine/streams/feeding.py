"""Hands the streams of a stage to the DuckDB session that executes it.

A stream can be read once, and its driver may be blocked where nobody can interrupt it. So
DuckDB is given a ``Feed`` that opens a new stream whenever it is read, and a thread between
the two: DuckDB waits for the thread only, and stops waiting as soon as it is told to. Rows that
come in several streams have as many threads.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from engine.errors import ConnectorError, Interrupted
from engine.schema import Schema
from engine.streams.arrow import arrow_schema
from engine.streams.streaming import Stream

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

#: Batches that are read ahead of each stream.
_AHEAD = 2
#: How long a driver may take to leave a read that was stopped, before it is left behind.
_LEAVING_SECONDS = 5.0

Open = Callable[[], Stream]


class Feeds:
    """The feeds of one attempt; leaving the context ends what is still read."""

    def __init__(self, session: duckdb.DuckDBPyConnection) -> None:
        self._session = session
        self._feeds: dict[str, Feed] = {}
        self._steps: dict[str, str] = {}

    def __enter__(self) -> Feeds:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        for alias, feed in self._feeds.items():
            self._session.unregister(alias)
            feed.join()

    def add(self, step: str, alias: str, schema: Schema, *opens: Open) -> None:
        """Make what all of ``opens`` stream readable under ``alias``."""
        feed = self._feeds[alias] = Feed(arrow_schema(schema), opens)
        self._steps[alias] = step
        self._session.register(alias, feed)

    @contextmanager
    def first_rows(self, seconds: float) -> Iterator[bool]:
        """Make the first rows of each stream readable, under ``first_of`` its alias.

        They are read again by whoever reads the stream. False where they do not come in time.
        """
        end = time.monotonic() + seconds
        shown: list[str] = []
        for alias, feed in self._feeds.items():
            rows = feed.peek(end - time.monotonic())
            if rows is not None:
                shown.append(first_of(alias))
                self._session.register(first_of(alias), rows)
        try:
            yield len(shown) == len(self._feeds)
        finally:
            for name in shown:
                self._session.unregister(name)

    def stop(self) -> None:
        """End every read, from any thread; reading on raises ``Interrupted``."""
        for feed in list(self._feeds.values()):
            feed.stop()

    def failure(self) -> tuple[str, BaseException] | None:
        """The step whose stream has failed, and how, in its own words."""
        for alias, feed in self._feeds.items():
            if feed.error:
                return self._steps[alias], feed.error
        return None


def first_of(alias: str) -> str:
    return f"{alias} first"


class Feed:
    """What DuckDB sees: a table of Arrow batches that it may read as often as it likes."""

    def __init__(self, schema: pa.Schema, opens: Sequence[Open]) -> None:
        self._schema = schema
        self._opens = opens
        self._pumps: list[_Pump] = []
        self._waiting: _Pump | None = None
        self._is_stopped = False
        self.error: BaseException | None = None

    def __arrow_c_schema__(self) -> object:
        return self._schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        import pyarrow as pa

        reader = pa.RecordBatchReader.from_batches(self._schema, self._rows())
        return reader.__arrow_c_stream__()

    def stop(self) -> None:
        self._is_stopped = True
        for pump in list(self._pumps):
            pump.stop()

    def join(self) -> None:
        for pump in self._pumps:
            pump.join()

    def peek(self, seconds: float) -> pa.Table | None:
        """The first rows, which the next reader gets as well; None if they take longer."""
        self._waiting = pump = self._pump()
        return pump.peek(seconds)

    def _pump(self) -> _Pump:
        pump = _Pump(self._opens, self._schema)
        self._pumps.append(pump)
        if self._is_stopped:
            pump.stop()
        return pump

    def _rows(self) -> Iterator[pa.RecordBatch]:
        pump, self._waiting = self._waiting or self._pump(), None
        try:
            yield from pump.batches()
        except Interrupted:
            raise
        except Exception as error:
            self.error = self.error or error
            raise
        finally:
            pump.stop()


class _Pump:
    """Reads each stream in a thread of its own, a little ahead of who wants the batches."""

    def __init__(self, opens: Sequence[Open], schema: pa.Schema) -> None:
        self._schema = schema
        self._changed = threading.Condition()
        self._ready: deque[pa.RecordBatch] = deque()
        self._most_ready = _AHEAD * len(opens)
        self._streams: list[Stream] = []
        self._error: BaseException | None = None
        self._is_stopped = False
        self._left = len(opens)
        self._threads = [
            threading.Thread(target=self._read, args=(open_,), name="stream", daemon=True)
            for open_ in opens
        ]

    def peek(self, seconds: float) -> pa.Table | None:
        """The first rows, which stay to be read; None where they do not come, or not in time."""
        import pyarrow as pa

        self._start()
        with self._changed:
            self._changed.wait_for(self._is_settled, seconds)
            is_there = bool(self._ready) or (not self._left and not self._error)
            first = list(self._ready)[:1]
        return pa.Table.from_batches(first, self._schema) if is_there else None

    def batches(self) -> Iterator[pa.RecordBatch]:
        if not self._threads[0].ident:
            self._start()
        while True:
            with self._changed:
                self._changed.wait_for(self._is_settled)
                if self._is_stopped:
                    raise Interrupted("the rows are no longer wanted")
                if self._error or not self._ready:
                    break
                batch = self._ready.popleft()
                self._changed.notify_all()
            yield batch
        if self._error:
            raise self._error

    def stop(self) -> None:
        with self._changed:
            is_reading = self._left and not self._is_stopped
            self._is_stopped = True
            self._changed.notify_all()
            streams = list(self._streams)
        if is_reading:
            for stream in streams:
                stream.stop()

    def join(self) -> None:
        end = time.monotonic() + _LEAVING_SECONDS
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, end - time.monotonic()))

    def _start(self) -> None:
        for thread in self._threads:
            thread.start()

    def _is_settled(self) -> bool:
        return bool(self._ready or self._error) or not self._left or self._is_stopped

    def _read(self, open_: Open) -> None:
        try:
            stream = open_()
            with self._changed:
                self._streams.append(stream)
                is_wanted = not self._is_stopped
            if is_wanted:
                self._move(stream)
        except BaseException as error:  # noqa: BLE001 - it is raised where the rows are awaited
            self._error = self._error or error
        finally:
            with self._changed:
                self._left -= 1
                self._changed.notify_all()

    def _move(self, stream: Stream) -> None:
        with closing(stream.batches) as batches:
            for batch in batches:
                if not self._put(batch):
                    return

    def _put(self, batch: pa.RecordBatch) -> bool:
        """False when no more is wanted."""
        if not batch.schema.equals(self._schema):
            raise ConnectorError(
                f"rows arrived as {_types(batch.schema)}, but were described as "
                f"{_types(self._schema)}; save the workflow again, so that they are described anew"
            )
        with self._changed:
            self._changed.wait_for(lambda: len(self._ready) < self._most_ready or self._is_stopped)
            if batch.num_rows:
                self._ready.append(batch)
                self._changed.notify_all()
            return not self._is_stopped


def _types(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)
