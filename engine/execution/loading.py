"""The load of a stage that ends in a target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from engine.connections import Connections, Opened
from engine.errors import TableNotFound
from engine.execution.moments import Moments, read_at
from engine.execution.nodes import Nodes
from engine.execution.ready import Ready
from engine.loads.incremental import Progress
from engine.plan import Step
from engine.schema import Column
from engine.stages.fusion import Counted, fuse, profiled
from engine.stages.pushdown import chain_of
from engine.transfer import Load
from engine.watch import Watch


@dataclass(frozen=True, slots=True)
class Loading:
    """The loads of one run; ``tokens`` are the run ids of those that an earlier one began."""

    nodes: Nodes
    connections: Connections
    progress: Progress
    moments: Moments
    run_id: str
    tokens: Mapping[str, str]

    def target_columns(self, sink: Step) -> Sequence[Column]:
        """Empty for a table that is not there and that the load makes."""
        kind, config = self.nodes.kind(sink), self.nodes.config(sink)
        opened = self.connections.open(config.connection)
        try:
            return opened.connector.target_columns(opened.config, kind.table(config))
        except TableNotFound:
            if kind.creates(config):
                return ()
            raise

    def load(
        self,
        ready: Ready,
        session: duckdb.DuckDBPyConnection,
        watch: Watch,
        sorted_: set[str],
    ) -> dict[str, Counted]:
        """Rows and time of each node; of the target only, if it was applied before."""
        sink = ready.stage.sink
        opened = self.connections.open(self.nodes.config(sink).connection)
        load = self._load(ready)
        inside = self._load_inside(ready, opened, load, watch)
        if inside is not None:
            return inside
        query = fuse(ready.tree, ready.sql, self.nodes.names, sink.inputs[0], sorted_)
        with read_at(self.moments.of(ready.stage), ready.relations, session) as on_again:
            result = opened.connector.load(
                opened.config,
                load,
                session,
                query,
                on_rows=lambda rows: watch.check(),
                on_stop=watch.stop_reading,
                on_again=on_again,
            )
            own = {sink.key: Counted(result.rows, 0)}
            return own if result.was_applied_before else {**profiled(session, ready.tree), **own}

    def _load(self, ready: Ready) -> Load:
        sink = ready.stage.sink
        kind, config = self.nodes.kind(sink), self.nodes.config(sink)
        rows = ready.schemas[sink.inputs[0].step]
        created = kind.created(config, rows)
        table = ready.target_columns or created
        load = Load(
            table=kind.table(config),
            mode=config.mode,
            columns=kind.mapping(config, rows, table),
            run_id=self.tokens.get(sink.key, self.run_id),
            node=sink.key,
            keys=kind.keys(config, table),
            creates=created,
            watermarks=self.progress.moved_by(sink.key),
        )
        found: Load = kind.load(config, load)
        return found

    def _load_inside(
        self, ready: Ready, opened: Opened, load: Load, watch: Watch
    ) -> dict[str, Counted] | None:
        """The load as its database does it alone; None where it cannot."""
        nodes, stage = self.nodes, ready.stage
        if ready.made or not getattr(nodes.config(stage.sink), "inside_database", False):
            return None
        if any(self.connections.open(slug) != opened for slug in nodes.reads(stage)):
            return None
        chain = chain_of(stage.steps, nodes.kinds, nodes.configs, ready.schemas, ready.extractions)
        if chain is None:
            return None
        result = opened.connector.load_inside(
            opened.config,
            load,
            chain,
            on_rows=lambda rows: watch.check(),
            moment="".join(s.name for s in self.moments.of(stage).values()),
        )
        if result is None:
            return None
        counts = {**result.counts, load.node: result.rows}
        return {key: Counted(rows, 0, is_inside=True) for key, rows in counts.items()}
