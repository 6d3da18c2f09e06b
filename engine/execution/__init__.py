"""One attempt of a stage: describe its sources, bind it, run it as one query, count."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import duckdb

from engine.columns.binding import bind
from engine.connections import Connections, Secrets
from engine.connector import Connector
from engine.errors import ConnectorError, EngineError, StepFailed
from engine.execution.blaming import blaming
from engine.execution.keeping import Keeping
from engine.execution.loading import Loading
from engine.execution.moments import Moments
from engine.execution.nodes import Nodes
from engine.execution.ready import Ready
from engine.execution.rounds import Rounds
from engine.execution.sources import Sources
from engine.issue import Severity
from engine.kind import AnyKind, Source, Target
from engine.loads.incremental import Progress
from engine.outcome import NodeOutcome
from engine.plan import Input, Plan, Step
from engine.restarting.checkpoints import Checkpoint, Checkpoints
from engine.samples.sampling import SECONDS as SAMPLE_SECONDS
from engine.samples.sampling import STREAM_SECONDS, Samples, sample_kept, sample_stage
from engine.sandbox import Sandbox, Session
from engine.schema import Column, Schema
from engine.stages.culprit import find_culprit
from engine.stages.fusion import Counted
from engine.stages.optimizer import Stage, threads_of
from engine.streams.feeding import Feeds
from engine.watch import Watch


class Execution:
    """A plan's stages, executed in one sandbox; close it when they are done.

    Every failure comes out as ``StepFailed`` naming the node to blame. With ``source_rows``
    each source reads at most so many rows, wherever it left off before, and what a node
    checks of all rows is a warning. ``samples`` are told some rows of each node.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        run_id: str,
        secrets: Secrets,
        kinds: Mapping[str, AnyKind],
        connectors: Mapping[str, Connector[Any]],
        parameters: Mapping[str, Any],
        stages: Sequence[Stage],
        sessions: int,
        source_rows: int | None = None,
        loads: Mapping[str, str] | None = None,
        checkpoints: Checkpoints | None = None,
        samples: Samples | None = None,
    ) -> None:
        self._nodes = nodes = Nodes.of(plan, kinds, parameters)
        self._samples = samples
        self._sampled: set[str] = set()
        self._columns: dict[str, tuple[Column, ...]] = {}
        self._readers: Counter[str] = Counter()
        for stage in stages:
            self._readers |= nodes.reads(stage)  # the most of each that any stage needs
        self._connections = Connections(
            plan.connections,
            readers=self._readers,
            run_id=run_id,
            secrets=secrets,
            connectors=connectors,
        )
        self._sandbox = Sandbox(
            memory_limit_mb=plan.memory_limit_mb,
            sessions=sessions,
            folders=(str(checkpoints.folder),) if checkpoints else (),
            threads=threads_of(plan.steps, kinds),
        )
        progress = Progress(plan, kinds=kinds, configs=nodes.configs, connections=self._connections)
        # A sample is not worth a session more.
        self._moments = Moments(nodes, self._connections, stages if source_rows is None else ())
        self._sources = Sources(
            nodes,
            self._connections,
            progress,
            self._moments,
            self._sandbox,
            source_rows,
            samples is not None,
        )
        self._keeping = Keeping(
            nodes,
            self._sandbox,
            progress,
            self._moments,
            checkpoints,
            memory_mb=plan.memory_limit_mb,
            is_partial=source_rows is not None,
        )
        self._rounds = Rounds(nodes, plan.memory_limit_mb)
        self._loading = Loading(
            nodes, self._connections, progress, self._moments, run_id, loads or {}
        )

    def close(self) -> None:
        self._sandbox.close()
        self._moments.close()

    @property
    def is_interrupted(self) -> bool:
        return self._sandbox.is_interrupted

    def check(self) -> None:
        """Raise why it was told to stop, if it was."""
        self._sandbox.check()

    def interrupt(self, reason: EngineError | None = None) -> None:
        """Stop what is running, here and in the databases, and refuse more."""
        self._sandbox.interrupt(reason)
        every = [session.number for session in self._sandbox.sessions]
        self._connections.cancel(self._readers, every)

    def columns(self, key: str) -> tuple[Column, ...]:
        """What a source yields or a target's table has, as far as an attempt came to ask."""
        return self._columns.get(key, ())

    def kept(self, edge: Input) -> tuple[Schema, str]:
        """Columns of a kept step, and the SELECT of the rows that leave it by a port."""
        return self._keeping[edge.step].schema, self._keeping.query(edge)

    @contextmanager
    def session(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A session in which kept rows can be read."""
        with self._sandbox.session() as session:
            yield session.connection

    def drop(self, key: str) -> None:
        """Give back the memory of a kept step that no stage will read again."""
        self._keeping.drop(key)

    def restore(self, key: str, checkpoint: Checkpoint) -> None:
        """Take over the rows that an earlier run kept of a step; before anything is executed."""
        self._keeping.restore(key, checkpoint)

    def preserve(self, key: str) -> None:
        """Write the rows of a kept step to disk, if that can be done, for a restart."""
        self._keeping.preserve(key)

    def execute(self, stage: Stage) -> dict[str, NodeOutcome]:
        """Run ``stage`` once, to the commit of its target or until its rows are kept."""
        started = time.perf_counter()
        with (
            blaming(stage.sink.key),
            self._sandbox.session() as session,
            Feeds(session.connection) as feeds,
            self._watch(stage, session, feeds) as watch,
        ):
            try:
                ready = self._bind(stage, session, feeds)
                self._connections.lock_when_complete(self._sandbox)
                self._sample(ready, session, feeds)
                counted = self._run(ready, session.connection, watch, feeds)
            except ConnectorError:
                watch.check()  # what was stopped fails in other words than why it was
                raise
        seconds = time.perf_counter() - started
        return {step.key: self._outcome(step, counted, stage, seconds) for step in stage.steps}

    def _watch(self, stage: Stage, session: Session, feeds: Feeds) -> Watch:
        reads = self._nodes.reads(stage)

        def stop_reading() -> None:
            feeds.stop()
            self._connections.cancel(reads, [session.number])

        return Watch(self._sandbox, session.connection, stage.timeout_seconds, stop_reading)

    def _bind(self, stage: Stage, session: Session, feeds: Feeds) -> Ready:
        """Describe what the stage reads and writes, and type each of its nodes anew."""
        nodes, sink = self._nodes, stage.sink
        relations = self._sources.relations(stage, session, feeds)
        schemas: dict[str, Schema | None] = {key: self._keeping[key].schema for key in stage.reads}
        schemas |= {key: relation.schema for key, relation in relations.items()}
        self._columns |= {key: relation.schema.columns for key, relation in relations.items()}
        columns = self._loading.target_columns(sink) if nodes.is_a(Target, sink) else ()
        self._columns[sink.key] = self._columns.get(sink.key) or tuple(columns)
        parameters = nodes.context.parameters
        bound = bind(stage.steps, schemas, nodes.kinds, parameters, {sink.key: columns})
        for issue in bound.issues:
            if issue.severity is Severity.ERROR:
                raise StepFailed(issue.node, issue.message, code=issue.code, permanent=True)
        known = {key: schema for key, schema in (schemas | bound.schemas).items() if schema}
        sql = bound.sql | {key: relation.sql for key, relation in relations.items()}
        return Ready(stage, sql, known, relations, columns)

    def _sample(self, ready: Ready, session: Session, feeds: Feeds) -> None:
        """A sample is not worth a run: what cannot be had quickly and well is not had."""
        stage = ready.stage
        is_told = stage.key in self._sampled or len(ready.first_rows) < len(ready.relations)
        is_alone = len(stage.steps) == 1 and not self._nodes.is_a(Target, stage.sink)  # all is kept
        if self._samples is None or is_told or is_alone:
            return
        self._sampled.add(stage.key)
        with feeds.first_rows(STREAM_SECONDS) as are_there:
            if are_there:
                self._tell_sample(self._samples, ready, session)

    def _tell_sample(self, samples: Samples, ready: Ready, session: Session) -> None:
        stage = ready.stage
        stop = partial(self._connections.cancel, self._nodes.reads(stage), [session.number])
        with (
            suppress(EngineError, duckdb.Error),
            Watch(self._sandbox, session.connection, SAMPLE_SECONDS, stop),
        ):
            found = sample_stage(
                session.connection,
                stage.steps,
                {**ready.sql, **ready.first_rows},
                ready.schemas,
                self._nodes.names,
                samples.rows,
            )
            samples.tell(found)

    def _run(
        self, ready: Ready, session: duckdb.DuckDBPyConnection, watch: Watch, feeds: Feeds
    ) -> dict[str, Counted]:
        """Rows and time of each node; of the target only, for a load that was applied before."""
        sink, names = ready.stage.sink, self._nodes.names
        try:
            ready = self._rounds.make(ready, session, watch, self._keeping.sorted)
            if self._nodes.is_a(Target, sink):
                counted = self._loading.load(ready, session, watch, self._keeping.sorted)
            else:
                counted = self._keeping.keep(ready, session, watch)
                self._sample_kept(sink, session)
        except duckdb.Error as error:
            watch.check()
            _raise_failure(feeds)
            explained = self._sources.explained(ready, error)
            if len(explained) == 1:
                raise next(iter(explained.values())) from error
            found = find_culprit(error, session, ready.tree, ready.sql, names, sink.key)
            raise explained.get(found.step, found) from error
        finally:
            self._rounds.drop(ready, session)
        return {**ready.made, **counted}

    def _sample_kept(self, sink: Step, session: duckdb.DuckDBPyConnection) -> None:
        if self._samples:
            rows = self._keeping.query(Input(port="in", step=sink.key))
            self._samples.tell({sink.key: sample_kept(session, rows, self._samples.rows)})

    def _outcome(
        self, step: Step, counted: Mapping[str, Counted], stage: Stage, seconds: float
    ) -> NodeOutcome:
        inputs = [self._rows(edge, counted) for edge in step.inputs]
        known = [rows for rows in inputs if rows is not None]
        rows_in = sum(known) if inputs and len(known) == len(inputs) else None
        own = counted.get(step.key)
        is_load = step is stage.sink and self._nodes.is_a(Target, step)
        return NodeOutcome(
            step.key,
            rows_in,
            own.rows if own else None,
            seconds if is_load else own.seconds if own else 0.0,
            self._warnings(step),
            is_inside=own is not None and own.is_inside,
            columns=self.columns(step.key),
        )

    def _warnings(self, step: Step) -> tuple[str, ...]:
        found = self._keeping[step.key].warnings if step.key in self._keeping else ()
        if not self._nodes.is_a(Source, step):
            return found
        moments = self._moments.warnings(self._nodes.config(step).connection)
        return (*found, *moments, *self._sources.warnings(step))

    def _rows(self, edge: Input, counted: Mapping[str, Counted]) -> int | None:
        """How many rows an input got, if that is known."""
        if edge.step in counted:
            return counted[edge.step].rows
        return self._keeping[edge.step].rows[edge.output] if edge.step in self._keeping else None


def _raise_failure(feeds: Feeds) -> None:
    """Raise what made a stream break off, in its own words, where one has."""
    if failure := feeds.failure():
        step, error = failure
        with blaming(step):
            raise error
