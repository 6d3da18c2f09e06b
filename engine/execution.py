"""One attempt of a stage: describe its sources, bind it, run it as one query, count."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import duckdb

from engine.arrow import arrived, arrow_schema, batches
from engine.binding import bind
from engine.calling import Call
from engine.checkpoints import Checkpoint, Checkpoints
from engine.connections import Connections, Opened, Secrets
from engine.connector import Connector, Extraction, Load
from engine.culprit import find_culprit, in_words, out_of_memory
from engine.errors import (
    ConnectorError,
    EngineError,
    Interrupted,
    PlanError,
    StepFailed,
    TableNotFound,
)
from engine.feeding import Feeds
from engine.fusion import Counted, fuse, limited, read_profile
from engine.graph import parse_configs
from engine.incremental import Progress
from engine.issue import Severity
from engine.kept import Kept
from engine.kind import OUTPUT, AnyKind, Context, Function, NodeConfig, Source, Target, Transform
from engine.optimizer import Stage, threads_of
from engine.outcome import NodeOutcome
from engine.plan import Input, Plan, Step
from engine.probing import ask
from engine.pushdown import chain_of
from engine.restart import upstream
from engine.sampling import SECONDS as SAMPLE_SECONDS
from engine.sampling import SOURCE_ROWS, Samples, sample_kept, sample_stage
from engine.sandbox import Sandbox, Session
from engine.schema import Column, Schema, quote
from engine.streaming import StreamedConnector
from engine.watch import Watch


@dataclass(frozen=True, slots=True)
class Ready:
    """A stage whose every node has been typed; ``sql`` has all of its nodes but a target."""

    stage: Stage
    sql: Mapping[str, str]
    schemas: Mapping[str, Schema]
    target_columns: Sequence[Column] = ()
    #: SELECTs of the first rows of sources, where they can be read twice.
    first_rows: Mapping[str, str] = field(default_factory=dict)
    #: What each source was asked for.
    extractions: Mapping[str, Extraction] = field(default_factory=dict)

    @property
    def tree(self) -> tuple[Step, ...]:
        """The nodes that are relations."""
        return tuple(step for step in self.stage.steps if step.key in self.sql)


@dataclass(frozen=True, slots=True)
class _Relation:
    """What a source yields, and the SELECT that reads it; the same for its first rows."""

    schema: Schema
    sql: str
    first_rows: str = ""
    extraction: Extraction = field(default_factory=Extraction)


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
        self._samples = samples
        self._sampled: set[str] = set()
        self._steps = plan.steps
        self._memory_mb = plan.memory_limit_mb
        self._run_id = run_id
        self._source_rows = source_rows
        self._loads = loads or {}
        self._checkpoints = checkpoints
        self._kinds = kinds
        self._context = Context(parameters)
        self._names = {step.key: f"node {i}" for i, step in enumerate(plan.steps)}
        self._configs = _configs(plan, kinds)
        self._readers: Counter[str] = Counter()
        for stage in stages:
            self._readers |= self._reads(stage)  # the most of each that any stage needs
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
        self._kept: dict[str, Kept] = {}
        self._progress = Progress(
            plan, kinds=kinds, configs=self._configs, connections=self._connections
        )

    def close(self) -> None:
        self._sandbox.close()

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

    def kept(self, edge: Input) -> tuple[Schema, str]:
        """Columns of a kept step, and the SELECT of the rows that leave it by a port."""
        query = fuse((), {}, self._names, edge, self._sorted)
        return self._kept[edge.step].schema, query

    @contextmanager
    def session(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A session in which kept rows can be read."""
        with self._sandbox.session() as session:
            yield session.connection

    def drop(self, key: str) -> None:
        """Give back the memory of a kept step that no stage will read again."""
        self._sandbox.drop(self._names[key])

    def restore(self, key: str, checkpoint: Checkpoint) -> None:
        """Take over the rows that an earlier run kept of a step; before anything is executed."""
        with blaming(key):
            checkpoint.read(quote(self._names[key]), self._sandbox.database)
        self._kept[key] = checkpoint.kept
        self._progress.adopt(checkpoint.watermarks)

    def preserve(self, key: str) -> None:
        """Write the rows of a kept step to disk, if that can be done, for a restart."""
        if key in self._kept:
            with suppress(Interrupted), self._sandbox.session() as session:
                self._preserve(key, session.connection)

    def _preserve(self, key: str, session: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
        """Warnings, if the rows of a kept step could not be written to disk."""
        if self._checkpoints is None:
            return ()
        marks = self._progress.known(upstream(key, self._steps))
        try:
            table = quote(self._names[key])
            self._checkpoints.write(key, table, self._kept[key], marks, session)
        except (OSError, duckdb.Error) as error:
            reason = in_words(error) if isinstance(error, duckdb.Error) else str(error)
            return (f"its rows could not be kept for a restart: {reason}",)
        return ()

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
                self._sample(ready, session)
                counted = self._run(ready, session.connection, watch, feeds)
            except ConnectorError:
                watch.check()  # what was stopped fails in other words than why it was
                raise
        seconds = time.perf_counter() - started
        return {step.key: self._outcome(step, counted, stage, seconds) for step in stage.steps}

    def _watch(self, stage: Stage, session: Session, feeds: Feeds) -> Watch:
        reads = self._reads(stage)

        def stop_reading() -> None:
            feeds.stop()
            self._connections.cancel(reads, [session.number])

        return Watch(self._sandbox, session.connection, stage.timeout_seconds, stop_reading)

    def _bind(self, stage: Stage, session: Session, feeds: Feeds) -> Ready:
        """Describe what the stage reads and writes, and type each of its nodes anew."""
        schemas: dict[str, Schema | None] = {key: self._kept[key].schema for key in stage.reads}
        relations: dict[str, str] = {}
        first_rows: dict[str, str] = {}
        extractions: dict[str, Extraction] = {}
        readers: Counter[str] = Counter()
        for step in stage.steps:
            if self._is(Source, step):
                slug = self._config(step).connection
                alias = self._connections.alias(slug, session.number, readers[slug])
                found = self._relation(step, alias, feeds)
                schemas[step.key], relations[step.key] = found.schema, found.sql
                first_rows |= {step.key: found.first_rows} if found.first_rows else {}
                extractions[step.key] = found.extraction
                readers[slug] += 1
        columns = self._target_columns(stage.sink) if self._is(Target, stage.sink) else ()
        targets = {stage.sink.key: columns}
        bound = bind(stage.steps, schemas, self._kinds, self._context.parameters, targets)
        for issue in bound.issues:
            if issue.severity is Severity.ERROR:
                raise StepFailed(issue.node, issue.message, code=issue.code, permanent=True)
        known = {key: schema for key, schema in (schemas | bound.schemas).items() if schema}
        return Ready(stage, {**bound.sql, **relations}, known, columns, first_rows, extractions)

    def _relation(self, step: Step, alias: str, feeds: Feeds) -> _Relation:
        with blaming(step.key):
            config = self._config(step)
            opened = self._connections.open(config.connection)
            extraction = self._extraction(step)
            if isinstance(opened.connector, StreamedConnector):
                found = _Relation(*_fed(step.key, alias, opened, extraction, feeds))
            else:
                found = self._read(opened, extraction, alias)
            self._connections.attach(config.connection, self._sandbox)
            most = extraction.limit
            sql = found.sql if most is None else limited(found.sql, most)
            return replace(found, sql=sql, extraction=extraction)

    def _read(self, opened: Opened, extraction: Extraction, alias: str) -> _Relation:
        connector, config = opened.connector, opened.config
        few = replace(extraction, limit=SOURCE_ROWS)
        return _Relation(
            connector.describe(config, extraction),
            connector.relation(config, extraction, alias),
            connector.relation(config, few, alias) if self._samples else "",
        )

    def _sample(self, ready: Ready, session: Session) -> None:
        """A sample is not worth a run: what cannot be had quickly and well is not had."""
        stage = ready.stage
        sources = {step.key for step in stage.steps if self._is(Source, step)}
        is_alone = len(stage.steps) == 1 and not self._is(Target, stage.sink)  # all is kept
        is_told = stage.key in self._sampled or not sources <= ready.first_rows.keys() or is_alone
        if self._samples is None or is_told:
            return
        self._sampled.add(stage.key)
        reads = self._reads(stage)
        stop = partial(self._connections.cancel, reads, [session.number])
        with (
            suppress(EngineError, duckdb.Error),
            Watch(self._sandbox, session.connection, SAMPLE_SECONDS, stop),
        ):
            found = sample_stage(
                session.connection,
                stage.steps,
                {**ready.sql, **ready.first_rows},
                ready.schemas,
                self._names,
                self._samples.rows,
            )
            self._samples.tell(found)

    def _extraction(self, step: Step) -> Extraction:
        whole: Extraction = self._kind(step).extraction(self._config(step), self._context)
        if self._source_rows is None:
            return self._progress.windowed(step, whole)
        return replace(whole, limit=self._source_rows)

    def _target_columns(self, sink: Step) -> Sequence[Column]:
        """Empty for a table that is not there and that the load makes."""
        kind, config = self._kind(sink), self._config(sink)
        opened = self._connections.open(config.connection)
        try:
            return opened.connector.target_columns(opened.config, kind.table(config))
        except TableNotFound:
            if kind.creates(config):
                return ()
            raise

    def _run(
        self, ready: Ready, session: duckdb.DuckDBPyConnection, watch: Watch, feeds: Feeds
    ) -> dict[str, Counted]:
        """Rows and time of each node; empty for a load that was applied before."""
        sink = ready.stage.sink
        try:
            if self._is(Target, sink):
                return self._load(ready, session, watch)
            return self._keep(ready, session, watch)
        except duckdb.Error as error:
            watch.check()
            _raise_failure(feeds)
            raise find_culprit(
                error, session, ready.tree, ready.sql, self._names, sink.key
            ) from error

    def _keep(
        self, ready: Ready, session: duckdb.DuckDBPyConnection, watch: Watch
    ) -> dict[str, Counted]:
        sink = ready.stage.sink
        table = quote(self._names[sink.key])
        if self._is(Function, sink):
            counted = self._call(ready, table, session, watch)
        else:
            query = fuse(ready.tree, ready.sql, self._names, sorted_=self._sorted)
            session.execute(f"CREATE OR REPLACE TABLE {table} AS {query}")
            counted = read_profile(_profile(session), ready.tree)
        self._kept[sink.key] = Kept(
            ready.schemas[sink.key],
            self._rows_by_port(sink, table, counted[sink.key].rows, session),
            is_sorted=self._is_sorted(sink, ready.stage),
            warnings=self._probe(sink, ready.schemas[sink.key], table, session),
        )
        if self._samples:
            _, rows = self.kept(Input(port="in", step=sink.key))
            self._samples.tell({sink.key: sample_kept(session, rows, self._samples.rows)})
        if sink.checkpoint and (warnings := self._preserve(sink.key, session)):
            kept = self._kept[sink.key]
            self._kept[sink.key] = replace(kept, warnings=(*kept.warnings, *warnings))
        return counted

    def _call(
        self, ready: Ready, table: str, session: duckdb.DuckDBPyConnection, watch: Watch
    ) -> dict[str, Counted]:
        """Make ``table`` (quoted) of what a function gives back."""
        started = time.perf_counter()
        sink = ready.stage.sink
        edge, schema = sink.inputs[0], ready.schemas[sink.key]
        query = fuse((), {}, self._names, edge, self._sorted)
        what = Call(
            schema=arrow_schema(self._kept[edge.step].schema),
            rows=batches(session, query),
            expected=arrow_schema(schema),
            folder=self._sandbox.folder,
            memory_mb=self._memory_mb,
            on_wait=watch.check,
        )
        returned = f"{self._names[sink.key]} returned"
        session.register(returned, self._kind(sink).call(self._config(sink), what))
        columns = ", ".join(arrived(column) for column in schema)
        rows = f"SELECT {columns} FROM {quote(returned)}"
        session.execute(f"CREATE OR REPLACE TABLE {table} AS {rows}")
        session.unregister(returned)
        count = session.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
        return {sink.key: Counted(count, time.perf_counter() - started)}

    def _rows_by_port(
        self, sink: Step, table: str, rows: int, session: duckdb.DuckDBPyConnection
    ) -> dict[str, int]:
        ports = self._kind(sink).output_ports(self._config(sink))
        if ports == ("out",):
            return {"out": rows}
        query = f"SELECT {quote(OUTPUT)}, count(*) FROM {table} GROUP BY ALL"
        return dict.fromkeys(ports, 0) | dict(session.execute(query).fetchall())

    def _probe(
        self, sink: Step, schema: Schema, table: str, session: duckdb.DuckDBPyConnection
    ) -> tuple[str, ...]:
        """Warnings of a node's checks of its rows. Raises ``StepFailed`` for the others."""
        kind = self._kind(sink)
        if not isinstance(kind, Transform):
            return ()
        probes = kind.probes(self._config(sink), {"in": schema}, self._context)
        if self._source_rows is not None:
            probes = [replace(probe, is_warning=True) for probe in probes]
        return ask(probes, sink.key, table, session)

    def _is_sorted(self, step: Step, stage: Stage) -> bool:
        """Whether a step's rows come in an order that was asked for."""
        order = getattr(self._kind(step), "order", "lost")
        if order != "kept":
            return bool(order == "made")
        origin = step.inputs[0].step
        before = next((other for other in stage.steps if other.key == origin), None)
        return self._is_sorted(before, stage) if before else origin in self._sorted

    @property
    def _sorted(self) -> set[str]:
        """Kept steps whose rows are to be read in their order."""
        return {key for key, kept in self._kept.items() if kept.is_sorted}

    def _load(
        self, ready: Ready, session: duckdb.DuckDBPyConnection, watch: Watch
    ) -> dict[str, Counted]:
        sink = ready.stage.sink
        edge = sink.inputs[0]
        kind, config = self._kind(sink), self._config(sink)
        opened = self._connections.open(config.connection)
        rows = ready.schemas[edge.step]
        created = kind.created(config, rows)
        table = ready.target_columns or created
        load = Load(
            table=kind.table(config),
            mode=config.mode,
            columns=kind.mapping(config, rows, table),
            run_id=self._loads.get(sink.key, self._run_id),
            node=sink.key,
            keys=kind.keys(config, table),
            creates=created,
            watermarks=self._progress.moved_by(sink.key),
        )
        load = kind.load(config, load)
        inside = self._load_inside(ready, opened, load, watch)
        if inside is not None:
            return inside
        query = fuse(ready.tree, ready.sql, self._names, edge, self._sorted)
        result = opened.connector.load(
            opened.config,
            load,
            session,
            query,
            on_rows=lambda rows: watch.check(),
            on_stop=watch.stop_reading,
        )
        own = {sink.key: Counted(result.rows, 0)}
        if result.was_applied_before:
            return own
        return {**read_profile(_profile(session), ready.tree), **own}

    def _load_inside(
        self, ready: Ready, opened: Opened, load: Load, watch: Watch
    ) -> dict[str, Counted] | None:
        """The load as its database does it alone; None where it cannot."""
        steps = ready.stage.steps
        sources = [self._config(step).connection for step in steps if self._is(Source, step)]
        if any(self._connections.open(slug) != opened for slug in sources):
            return None
        chain = chain_of(steps, self._kinds, self._configs, ready.schemas, ready.extractions)
        if chain is None or not getattr(self._config(ready.stage.sink), "inside_database", False):
            return None
        result = opened.connector.load_inside(
            opened.config, load, chain, on_rows=lambda rows: watch.check()
        )
        if result is None:
            return None
        counts = {**result.counts, load.node: result.rows}
        return {key: Counted(rows, 0, is_inside=True) for key, rows in counts.items()}

    def _outcome(
        self, step: Step, counted: Mapping[str, Counted], stage: Stage, seconds: float
    ) -> NodeOutcome:
        inputs = [self._rows(edge, counted) for edge in step.inputs]
        known = [rows for rows in inputs if rows is not None]
        rows_in = sum(known) if inputs and len(known) == len(inputs) else None
        own = counted.get(step.key)
        is_load = step is stage.sink and self._is(Target, step)
        return NodeOutcome(
            step.key,
            rows_in,
            own.rows if own else None,
            seconds if is_load else own.seconds if own else 0.0,
            self._kept[step.key].warnings if step.key in self._kept else (),
            is_inside=own is not None and own.is_inside,
        )

    def _rows(self, edge: Input, counted: Mapping[str, Counted]) -> int | None:
        """How many rows an input got, if that is known."""
        if edge.step in counted:
            return counted[edge.step].rows
        return self._kept[edge.step].rows[edge.output] if edge.step in self._kept else None

    def _reads(self, stage: Stage) -> Counter[str]:
        """Slugs of the connections that a stage reads, and how often."""
        sources = (step for step in stage.steps if self._is(Source, step))
        return Counter(self._config(step).connection for step in sources)

    def _is(self, role: type[AnyKind], step: Step) -> bool:
        return isinstance(self._kind(step), role)

    def _kind(self, step: Step) -> Any:
        return self._kinds[step.kind]

    def _config(self, step: Step) -> Any:
        return self._configs[step.key]


def _fed(
    step: str, alias: str, opened: Opened, extraction: Extraction, feeds: Feeds
) -> tuple[Schema, str]:
    """What a streamed source yields, and the SELECT over the rows that are fed to ``alias``."""
    connector, config = opened.connector, opened.config
    assert isinstance(connector, StreamedConnector)
    reading = connector.reading(config, extraction)
    feeds.add(
        step,
        alias,
        reading.schema,
        lambda: connector.stream(config, reading.extraction, reading.schema),
    )
    return reading.yielded, reading.relation(alias)


def _raise_failure(feeds: Feeds) -> None:
    """Raise what made a stream break off, in its own words, where one has."""
    if failure := feeds.failure():
        step, error = failure
        with blaming(step):
            raise error


def blame(step: str, error: EngineError) -> StepFailed:
    """``error`` as the failure of ``step``, unless it names a step already."""
    if isinstance(error, StepFailed):
        return error
    failure = StepFailed(step, error.message, code=error.code, permanent=error.permanent)
    failure.__cause__ = error
    return failure


@contextmanager
def blaming(step: str) -> Iterator[None]:
    """Whatever goes wrong inside is the failure of ``step``."""
    try:
        yield
    except EngineError as error:
        raise blame(step, error) from error
    except Exception as error:
        if _is_want_of_memory(error):
            raise out_of_memory(step) from error
        message = f"the engine met what it does not know: {type(error).__name__}: {error}"
        raise StepFailed(step, message, code="E_ENGINE") from error


def _is_want_of_memory(error: Exception) -> bool:
    """Python has no word of its own for a thread whose stack cannot be had."""
    return isinstance(error, MemoryError) or str(error) == "can't start new thread"


def _configs(plan: Plan, kinds: Mapping[str, AnyKind]) -> dict[str, NodeConfig]:
    """Each step's Config. Raises ``PlanError`` where this worker knows kinds differently."""
    configs, issues = parse_configs(plan.steps, kinds)
    for issue in issues:
        raise PlanError(f"{issue}; bring FlowAdmin and its workers to the same version")
    return configs


def _profile(session: duckdb.DuckDBPyConnection) -> str:
    return session.get_profiling_information(format="json")
