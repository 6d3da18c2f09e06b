"""A connector whose rows exist only as a stream: what tests of streaming read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import duckdb
import pyarrow as pa
from pipelines import plan

from engine import registry
from engine.connector import ConnectionConfig
from engine.errors import ConnectorError, LoadRefused
from engine.interpreter import RunSession
from engine.plan import Plan, PlanConnection, Step
from engine.samples.sampling import Samples
from engine.schema import Column, Schema
from engine.streams.arrow import arrow_schema, batches
from engine.streams.streaming import Stream, StreamedConnector
from engine.transfer import Extraction, Load, LoadResult, TableName


class CounterConfig(ConnectionConfig):
    rows: int = 10
    #: After so many rows the stream breaks off, blocks, or goes on as another.
    breaks_at: int = -1
    blocks_at: int = -1
    changes_at: int = -1


@dataclass
class Seen:
    """What became of the streams of one connector."""

    opened: int = 0
    closed: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    blocked: threading.Event = field(default_factory=threading.Event)
    loaded: list[list[dict[str, Any]]] = field(default_factory=list)


class Counter(StreamedConnector[CounterConfig]):
    """Numbers from 0, in batches of three, with their squares as text."""

    slug: ClassVar[str] = "counter"
    label: ClassVar[str] = "Counter"
    Config = CounterConfig
    example: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        self.seen = Seen()

    def test(self, config: CounterConfig) -> str:
        return f"counts to {config.rows}"

    def tables(self, config: CounterConfig) -> Sequence[TableName]:
        return [TableName("", "numbers")]

    def describe(self, config: CounterConfig, extraction: Extraction) -> Schema:
        every = Schema.of([("n", "BIGINT"), ("square", "VARCHAR"), ("id", "UUID")])
        return Schema(tuple(c for c in every if c.name in (extraction.columns or every.names)))

    def stream(self, config: CounterConfig, extraction: Extraction, schema: Schema) -> Stream:
        return Stream(self._batches(config, schema), self.seen.stopped.set)

    def _batches(
        self, config: CounterConfig, schema: Schema
    ) -> Generator[pa.RecordBatch, None, None]:
        self.seen.opened += 1
        try:
            for start in range(0, config.rows, 3):
                self._misbehave(config, start)
                wanted = arrow_schema(schema)
                if 0 <= config.changes_at <= start:
                    wanted = pa.schema([(name, pa.string()) for name in schema.names])
                rows = [_row(n) for n in range(start, min(start + 3, config.rows))]
                kept = [{name: str(r[name]) if wanted.field(name).type == pa.string() else r[name]
                         for name in schema.names} for r in rows]  # fmt: skip
                yield pa.RecordBatch.from_pylist(kept, schema=wanted)
        finally:
            self.seen.closed += 1

    def _misbehave(self, config: CounterConfig, start: int) -> None:
        if 0 <= config.breaks_at <= start:
            raise ConnectorError(f"the counter broke at {start}", permanent=True)
        if 0 <= config.blocks_at <= start:
            self.seen.blocked.set()
            self.seen.stopped.wait(60)
            raise ConnectorError("the read was given up")

    def target_columns(self, config: CounterConfig, table: TableName) -> Sequence[Column]:
        return [Column("n", "BIGINT"), Column("square", "VARCHAR")]

    def load(
        self,
        config: CounterConfig,
        load: Load,
        session: duckdb.DuckDBPyConnection,
        query: str,
        on_rows: Callable[[int], None] = lambda rows: None,
        on_stop: Callable[[], None] = lambda: None,
        on_again: Callable[[], None] = lambda: None,
    ) -> LoadResult:
        if load.mode != "append":
            raise LoadRefused(f"mode '{load.mode}' is not for numbers")
        loaded = [row for batch in batches(session, query, 4) for row in batch.to_pylist()]
        self.seen.loaded.append(loaded)
        return LoadResult(len(loaded))


def _row(n: int) -> dict[str, Any]:
    return {"n": n, "square": str(n * n), "id": f"00000000-0000-0000-0000-{n:012}"}


def counting(
    counter: Counter, *steps: Step, samples: Samples | None = None, **config: Any
) -> RunSession:
    """A run of steps whose connections ``source`` and ``target`` are counters."""
    return RunSession(
        counting_plan(*steps, **config),
        run_id="r",
        secrets=lambda connection: {},
        connectors={**registry.connectors(), "counter": counter},
        samples=samples,
    )


def counting_plan(*steps: Step, **config: Any) -> Plan:
    connected = PlanConnection(connector="counter", options=config)
    return plan(steps, {"source": connected, "target": connected})
