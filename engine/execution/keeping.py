"""Rows of steps that wait in the sandbox, and on disk, for the stages that read them."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace

import duckdb

from engine.errors import Interrupted
from engine.execution.blaming import blaming
from engine.execution.moments import Moments, read_at
from engine.execution.nodes import Nodes
from engine.execution.ready import Ready
from engine.graph import upstream
from engine.kind import OUTPUT, Function, Transform
from engine.loads.incremental import Progress
from engine.plan import Input, Step
from engine.probing import ask
from engine.restarting.checkpoints import Checkpoint, Checkpoints
from engine.restarting.kept import Kept
from engine.sandbox import Sandbox
from engine.schema import Schema, quote
from engine.stages.culprit import in_words
from engine.stages.fusion import Counted, fuse, profiled
from engine.stages.optimizer import Stage
from engine.streams.arrow import arrived, arrow_schema, batches
from engine.user_code.calling import Call
from engine.watch import Watch


class Keeping:
    """The kept rows of one run. ``is_partial`` says that they are not all that there are."""

    def __init__(
        self,
        nodes: Nodes,
        sandbox: Sandbox,
        progress: Progress,
        moments: Moments,
        checkpoints: Checkpoints | None,
        *,
        memory_mb: int,
        is_partial: bool,
    ) -> None:
        self._nodes = nodes
        self._sandbox = sandbox
        self._progress = progress
        self._moments = moments
        self._checkpoints = checkpoints
        self._memory_mb = memory_mb
        self._is_partial = is_partial
        self._kept: dict[str, Kept] = {}

    def __contains__(self, key: object) -> bool:
        return key in self._kept

    def __getitem__(self, key: str) -> Kept:
        return self._kept[key]

    @property
    def sorted(self) -> set[str]:
        """Kept steps whose rows are to be read in their order."""
        return {key for key, kept in self._kept.items() if kept.is_sorted}

    def query(self, edge: Input) -> str:
        """The SELECT of the rows that leave a kept step by a port."""
        return fuse((), {}, self._nodes.names, edge, self.sorted)

    def drop(self, key: str) -> None:
        """Give back the memory of a kept step that no stage will read again."""
        self._sandbox.drop(self._nodes.names[key])

    def restore(self, key: str, checkpoint: Checkpoint) -> None:
        """Take over the rows that an earlier run kept of a step; before anything is executed."""
        with blaming(key):
            checkpoint.read(self._table(key), self._sandbox.database)
        self._kept[key] = checkpoint.kept
        self._progress.adopt(checkpoint.watermarks)

    def preserve(self, key: str) -> None:
        """Write the rows of a kept step to disk, if that can be done, for a restart."""
        if key in self._kept:
            with suppress(Interrupted), self._sandbox.session() as session:
                self._preserve(key, session.connection)

    def keep(
        self, ready: Ready, session: duckdb.DuckDBPyConnection, watch: Watch
    ) -> dict[str, Counted]:
        """Make the table of a stage's sink; rows and time of each node."""
        sink = ready.stage.sink
        if sink.key in ready.made:
            counted = dict(ready.made)
        elif self._nodes.is_a(Function, sink):
            counted = self._call(ready, session, watch)
        else:
            with read_at(self._moments.of(ready.stage), ready.relations, session):
                counted = self._select(ready, session)
        self._kept[sink.key] = Kept(
            ready.schemas[sink.key],
            self._rows_by_port(sink, counted[sink.key].rows, session),
            is_sorted=self._is_sorted(sink, ready.stage),
            warnings=self._probe(sink, ready.schemas[sink.key], session),
        )
        if sink.checkpoint and (warnings := self._preserve(sink.key, session)):
            kept = self._kept[sink.key]
            self._kept[sink.key] = replace(kept, warnings=(*kept.warnings, *warnings))
        return counted

    def _select(self, ready: Ready, session: duckdb.DuckDBPyConnection) -> dict[str, Counted]:
        query = fuse(ready.tree, ready.sql, self._nodes.names, sorted_=self.sorted)
        session.execute(f"CREATE OR REPLACE TABLE {self._table(ready.stage.key)} AS {query}")
        return profiled(session, ready.tree)

    def _call(
        self, ready: Ready, session: duckdb.DuckDBPyConnection, watch: Watch
    ) -> dict[str, Counted]:
        """Make the table of what a function gives back."""
        started = time.perf_counter()
        sink = ready.stage.sink
        edge, schema = sink.inputs[0], ready.schemas[sink.key]
        what = Call(
            schema=arrow_schema(self._kept[edge.step].schema),
            rows=batches(session, self.query(edge)),
            expected=arrow_schema(schema),
            folder=self._sandbox.folder,
            memory_mb=self._memory_mb,
            on_wait=watch.check,
        )
        returned = f"{self._nodes.names[sink.key]} returned"
        session.register(returned, self._nodes.kind(sink).call(self._nodes.config(sink), what))
        columns = ", ".join(arrived(column) for column in schema)
        table, rows = self._table(sink.key), f"SELECT {columns} FROM {quote(returned)}"
        session.execute(f"CREATE OR REPLACE TABLE {table} AS {rows}")
        session.unregister(returned)
        count = session.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
        return {sink.key: Counted(count, time.perf_counter() - started)}

    def _rows_by_port(
        self, sink: Step, rows: int, session: duckdb.DuckDBPyConnection
    ) -> dict[str, int]:
        ports = self._nodes.kind(sink).output_ports(self._nodes.config(sink))
        if ports == ("out",):
            return {"out": rows}
        table = self._table(sink.key)
        query = f"SELECT {quote(OUTPUT)}, count(*) FROM {table} GROUP BY ALL"
        return dict.fromkeys(ports, 0) | dict(session.execute(query).fetchall())

    def _probe(
        self, sink: Step, schema: Schema, session: duckdb.DuckDBPyConnection
    ) -> tuple[str, ...]:
        """Warnings of a node's checks of its rows. Raises ``StepFailed`` for the others."""
        kind = self._nodes.kind(sink)
        if not isinstance(kind, Transform):
            return ()
        probes = kind.probes(self._nodes.config(sink), {"in": schema}, self._nodes.context)
        if self._is_partial:
            probes = [replace(probe, is_warning=True) for probe in probes]
        return ask(probes, sink.key, self._table(sink.key), session)

    def _is_sorted(self, step: Step, stage: Stage) -> bool:
        """Whether a step's rows come in an order that was asked for."""
        order = getattr(self._nodes.kind(step), "order", "lost")
        if order != "kept":
            return bool(order == "made")
        origin = step.inputs[0].step
        before = next((other for other in stage.steps if other.key == origin), None)
        return self._is_sorted(before, stage) if before else origin in self.sorted

    def _preserve(self, key: str, session: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
        """Warnings, if the rows of a kept step could not be written to disk."""
        if self._checkpoints is None:
            return ()
        marks = self._progress.known({s.key for s in upstream(self._nodes.steps, key)})
        try:
            self._checkpoints.write(key, self._table(key), self._kept[key], marks, session)
        except (OSError, duckdb.Error) as error:
            reason = in_words(error) if isinstance(error, duckdb.Error) else str(error)
            return (f"its rows could not be kept for a restart: {reason}",)
        return ()

    def _table(self, key: str) -> str:
        """Quoted name of the table of a kept step."""
        return quote(self._nodes.names[key])
