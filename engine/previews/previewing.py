"""Rows at a node from the first rows of its sources, and what a target would do with them.

A preview binds, fuses and executes the steps before a node as a run does; only its sources
read little. Nothing is ever loaded: of a target its table is looked at, read only.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from engine import registry
from engine.connections import Connections, Secrets
from engine.connector import Connector
from engine.errors import EngineError, StepFailed
from engine.execution import Execution
from engine.execution.blaming import blaming
from engine.graph import upstream
from engine.kind import AnyKind, Source, Target
from engine.loads.destination import Arriving, Destination
from engine.loads.write_plan import WritePlan, plan_write
from engine.outcome import NodeOutcome
from engine.plan import Input, Plan, Step
from engine.samples.sample import Extent, Sample, take
from engine.stages.optimizer import stages
from engine.watch import TimedOut

_PERIOD_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Preview:
    """``sample`` are rows that leave the node or, of a target, arrive at it."""

    node: str
    sample: Sample
    #: Node → rows that left it, of those that were read.
    rows: Mapping[str, int | None]
    warnings: tuple[str, ...] = ()
    #: Of a target only.
    write: WritePlan | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "node": self.node,
            **self.sample.as_json(),
            "rows_by_node": dict(self.rows),
            "warnings": list(self.warnings),
            "write": self.write.as_json() if self.write else None,
        }


def preview(
    plan: Plan,
    node: str,
    *,
    secrets: Secrets,
    extent: Extent | None = None,
    parameters: Mapping[str, Any] | None = None,
    kinds: Mapping[str, AnyKind] | None = None,
    connectors: Mapping[str, Connector[Any]] | None = None,
    stop: threading.Event | None = None,
) -> Preview:
    """What a run would show at ``node``. Raises ``StepFailed`` naming the node to blame.

    When ``stop`` is set, what runs here and in the databases is ended.
    """
    request = _Request(
        plan,
        node,
        secrets,
        extent or Extent(),
        {**plan.parameters, **(parameters or {})},
        kinds if kinds is not None else registry.kinds(),
        connectors if connectors is not None else registry.connectors(),
        stop or threading.Event(),
    )
    return request.answer()


@dataclass(frozen=True, slots=True)
class _Request:
    plan: Plan
    node: str
    secrets: Secrets
    extent: Extent
    parameters: Mapping[str, Any]
    kinds: Mapping[str, AnyKind]
    connectors: Mapping[str, Connector[Any]]
    stop: threading.Event

    def answer(self) -> Preview:
        target = next((s for s in self._steps if isinstance(self.kinds[s.kind], Target)), None)
        read = [step for step in self._steps if step is not target]
        edge = target.inputs[0] if target else Input(port="in", step=self.node)
        with ExitStack() as stack:
            execution = self._execution(read)
            stack.callback(execution.close)
            outcomes = self._executed(execution, read)
            session = stack.enter_context(execution.session())
            schema, query = execution.kept(edge)
            with blaming(self.node):
                return Preview(
                    self.node,
                    self._sample(session, query, self._is_complete(read, outcomes)),
                    {key: outcome.rows_out for key, outcome in outcomes.items()},
                    tuple(text for outcome in outcomes.values() for text in outcome.warnings),
                    self._written(target, Arriving(session, query, schema)) if target else None,
                )

    def _sample(self, session: duckdb.DuckDBPyConnection, query: str, is_complete: bool) -> Sample:
        return replace(take(session, query, self.extent.rows), is_complete=is_complete)

    @property
    def _steps(self) -> Sequence[Step]:
        return upstream(self.plan.steps, self.node)

    def _execution(self, read: Sequence[Step]) -> Execution:
        """Of the steps that are read, with the connections that they read and no others."""
        used = {str(step.config.get("connection", "")) for step in read}
        connections = {slug: c for slug, c in self.plan.connections.items() if slug in used}
        plan = self.plan.model_copy(update={"steps": tuple(read), "connections": connections})
        return Execution(
            plan,
            run_id=str(uuid.uuid4()),
            secrets=self.secrets,
            kinds=self.kinds,
            connectors=self.connectors,
            parameters=self.parameters,
            stages=stages(read, self.kinds),
            sessions=1,
            source_rows=self.extent.source_rows,
        )

    def _executed(self, execution: Execution, read: Sequence[Step]) -> dict[str, NodeOutcome]:
        outcomes: dict[str, NodeOutcome] = {}
        try:
            with self._watched(execution):
                for stage in stages(read, self.kinds):
                    outcomes |= execution.execute(stage)
        except StepFailed as failure:
            if execution.is_interrupted and not self.stop.is_set():
                raise self._late(failure) from failure
            raise
        return outcomes

    @contextmanager
    def _watched(self, execution: Execution) -> Iterator[None]:
        """What is executed inside is interrupted when its time is up or ``stop`` is set."""
        end, done = time.monotonic() + self.extent.seconds, threading.Event()

        def watch() -> None:
            while not done.wait(_PERIOD_SECONDS):
                if self.stop.is_set() or time.monotonic() >= end:
                    execution.interrupt()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _late(self, failure: StepFailed) -> EngineError:
        message = (
            f"the preview took longer than {self.extent.seconds:g} s, and was stopped; "
            "read fewer rows, or filter in the source"
        )
        return StepFailed(failure.step, message, code=TimedOut.code)

    def _is_complete(self, read: Sequence[Step], outcomes: Mapping[str, NodeOutcome]) -> bool:
        """A source with a filter may have stopped before it found enough."""
        return all(
            (outcomes[step.key].rows_out or 0) < self.extent.source_rows
            and not step.config.get("filter")
            for step in read
            if isinstance(self.kinds[step.kind], Source)
        )

    def _written(self, target: Step, arriving: Arriving) -> WritePlan:
        kind = self.kinds[target.kind]
        assert isinstance(kind, Target)
        config = kind.Config.model_validate(target.config)
        (slug,) = kind.connections(config)
        connections = Connections(
            self.plan.connections,
            readers={},
            run_id="",
            secrets=self.secrets,
            connectors=self.connectors,
        )
        return plan_write(Destination(kind, config, connections.open(slug)), arriving)
