"""Groups of which DuckDB cannot write everything to disk, made some at a time.

What ``string_agg``, ``max`` of text and the like hold for all groups stays in memory until the
last row was read, and part of it is not even counted. So the rows that such a node gets are kept
first, where they can go to disk; then its groups are made in as many rounds as what they hold
asks for.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import duckdb

from engine.errors import StepFailed
from engine.execution.gathered import Gathered, drop
from engine.execution.nodes import Nodes
from engine.execution.ready import Ready
from engine.graph import upstream
from engine.kind import Transform
from engine.plan import Step
from engine.schema import quote
from engine.stages.culprit import failure_of
from engine.stages.fusion import Counted, fuse, profiled
from engine.watch import Watch

#: Of the memory limit, what the groups of a round may hold: DuckDB needs it several times over.
_SHARE = 0.125


@dataclass(frozen=True, slots=True)
class Rounds:
    """Makes the nodes of one run that hold what they gather."""

    nodes: Nodes
    memory_mb: int

    def make(
        self,
        ready: Ready,
        session: duckdb.DuckDBPyConnection,
        watch: Watch,
        sorted_: Collection[str],
    ) -> Ready:
        """``ready`` with those nodes, and all before them, made: tables have the nodes' rows.

        Raises ``duckdb.Error`` for a node before them, ``StepFailed`` for one of them.
        """
        for step in ready.tree:
            if gathered := self._gathered(step, ready):
                try:
                    ready = self._gather(step, gathered, ready, session, sorted_)
                    ready = self._make(step, gathered, ready, session, watch)
                finally:
                    gathered.drop(session)
        return ready

    def drop(self, ready: Ready, session: duckdb.DuckDBPyConnection) -> None:
        """Give back the memory of what was made, but for a stage's sink."""
        for key in ready.made.keys() - {ready.stage.key}:
            drop(session, self.nodes.names[key])

    def _gathered(self, step: Step, ready: Ready) -> Gathered | None:
        """Where the rows of ``step`` are to wait; None if they need not."""
        kind = self.nodes.kind(step)
        if not isinstance(kind, Transform) or len(step.inputs) != 1:
            return None
        rows = ready.schemas[step.inputs[0].step]
        held = kind.held(self.nodes.config(step), rows)
        return Gathered(f"{self.nodes.names[step.key]} gathered", held, rows) if held else None

    def _gather(
        self,
        step: Step,
        gathered: Gathered,
        ready: Ready,
        session: duckdb.DuckDBPyConnection,
        sorted_: Collection[str],
    ) -> Ready:
        before = upstream(ready.tree, step.key)[:-1]
        names = self.nodes.names
        gathered.create(session, fuse(before, ready.sql, names, step.inputs[0], sorted_))
        return replace(ready, made={**ready.made, **profiled(session, before)})

    def _make(
        self,
        step: Step,
        gathered: Gathered,
        ready: Ready,
        session: duckdb.DuckDBPyConnection,
        watch: Watch,
    ) -> Ready:
        started = time.perf_counter()
        table = quote(self.nodes.names[step.key])
        verb, rows = f"CREATE OR REPLACE TABLE {table} AS", 0
        with _blaming(step, watch):
            for part in gathered.ranges(session, int(self.memory_mb * 2**20 * _SHARE)):
                watch.check()
                query = f'WITH "in" AS NOT MATERIALIZED ({gathered.part(part)}) '
                query += f"SELECT * FROM ({ready.sql[step.key]}\n)"
                rows += session.execute(f"{verb} {query}").fetchall()[0][0]
                verb = f"INSERT INTO {table}"
        counted = Counted(rows, time.perf_counter() - started)
        return replace(ready, made={**ready.made, step.key: counted})


@contextmanager
def _blaming(step: Step, watch: Watch) -> Iterator[None]:
    """DuckDB's errors are the failure of ``step``, and no other node is asked."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        message = (
            "the values of a single group, or of few, need more memory than the run may use; "
            "choose a pool with more, group by further columns, or filter and select earlier"
        )
        raise StepFailed(step.key, message, code="E_MEMORY", permanent=True) from error
    except duckdb.Error as error:
        watch.check()
        raise failure_of(step.key, error) from error
