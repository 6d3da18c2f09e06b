"""Runs a plan: stages in order, every node as a task of whoever runs tasks.

Knows nothing of Prefect. ``submit(step, work)`` starts ``work`` as a task of its own and
returns its future. The step it is given says how: ``retries`` and ``retry_delay_seconds``
are set on the sink of a stage only (its task executes the whole stage, and executes it
again when ``work`` is called again), and timeouts are kept by the engine itself, which
alone can stop a query. An exception whose ``permanent`` is true must not be retried.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from engine import registry
from engine.connections import Secrets
from engine.connector import Connector
from engine.errors import EngineError, Interrupted, PlanError, Skipped, StepFailed
from engine.execution import Execution
from engine.execution.blaming import blame
from engine.kind import AnyKind
from engine.outcome import NodeOutcome, RunOutcome
from engine.plan import Plan, Step
from engine.restarting.checkpoints import Checkpoints
from engine.restarting.restart import Restart, course, fingerprints
from engine.samples.sampling import Samples
from engine.stages.optimizer import Stage, stages
from engine.suggestion import unknown
from engine.watch import TimedOut

#: Independent stages that run side by side; they share threads and memory.
MAX_STAGES_AT_ONCE = 4

Work = Callable[[], NodeOutcome]


class TaskFuture(Protocol):
    """The little that is asked of a submitted task."""

    def exception(self) -> BaseException | None:
        """Wait for the end of the task, retries included; what it raised, if anything."""


Submit = Callable[[Step, Work], TaskFuture]


def run(
    plan: Plan,
    *,
    run_id: str,
    secrets: Secrets,
    submit: Submit | None = None,
    kinds: Mapping[str, AnyKind] | None = None,
    connectors: Mapping[str, Connector[Any]] | None = None,
    parameters: Mapping[str, Any] | None = None,
    restart: Restart | None = None,
    checkpoints: Path | None = None,
) -> RunOutcome:
    """Run ``plan`` to its end. ``run_id`` identifies its loads: the same id loads once.

    With a folder for ``checkpoints``, a run that fails leaves there what it kept; with
    ``restart``, that is where it goes on from.
    """
    session = RunSession(
        plan,
        run_id=run_id,
        secrets=secrets,
        submit=submit,
        kinds=kinds,
        connectors=connectors,
        parameters=parameters,
        restart=restart,
        checkpoints=checkpoints,
    )
    return session.run()


@dataclass(slots=True)
class _Running:
    """A stage on its way. ``end`` gets an answer once, after the last attempt."""

    stage: Stage
    end: Future[RunOutcome] = field(default_factory=Future)
    attempts: int = 0
    #: Why its nodes are not run, where they are not.
    obstacle: str = "a node before it failed"
    lock: threading.Lock = field(default_factory=threading.Lock)

    def settle(self, outcome: RunOutcome) -> bool:
        """Set the end, unless it is set; say whether it was set now."""
        with self.lock:
            if self.end.done():
                return False
            self.end.set_result(outcome)
            return True

    def answer(self, key: str) -> NodeOutcome:
        """What the task of node ``key`` returns or raises; waits for the stage's end."""
        outcome = self.end.result()
        if key in outcome.nodes:
            return outcome.nodes[key]
        for failure in outcome.failures:
            if failure.step == key or _is_stop(failure):
                raise failure
        raise Skipped(f"node '{key}' was not run, because {self.obstacle}")


class RunSession:
    """One run of a plan; ``interrupt`` may be called from any thread or signal handler."""

    def __init__(
        self,
        plan: Plan,
        *,
        run_id: str,
        secrets: Secrets,
        submit: Submit | None = None,
        kinds: Mapping[str, AnyKind] | None = None,
        connectors: Mapping[str, Connector[Any]] | None = None,
        parameters: Mapping[str, Any] | None = None,
        restart: Restart | None = None,
        checkpoints: Path | None = None,
        samples: Samples | None = None,
    ) -> None:
        kinds = kinds if kinds is not None else registry.kinds()
        _refuse_unknown_kinds(plan, kinds)
        values = {**plan.parameters, **(parameters or {})}
        self._checkpoints = None
        if checkpoints:
            folder = checkpoints / (restart.root if restart else run_id)
            self._checkpoints = Checkpoints(folder, fingerprints(plan, kinds, values))
        found = self._checkpoints.find() if self._checkpoints and restart else {}
        self._course = course(stages(plan.steps, kinds), restart, found)
        self._stages = self._course.run
        self._stage_of = {s.key: stage.key for stage in self._stages for s in stage.steps}
        self._limit = plan.timeout_seconds
        self._submit = submit
        self._settled: queue.SimpleQueue[_Running] = queue.SimpleQueue()
        self._tasks: list[TaskFuture] = []
        self._execution = Execution(
            plan,
            samples=samples,
            run_id=run_id,
            secrets=secrets,
            kinds=kinds,
            connectors=connectors if connectors is not None else registry.connectors(),
            parameters=values,
            stages=self._stages,
            sessions=max(1, min(len(self._stages), MAX_STAGES_AT_ONCE)),
            loads=restart.loads if restart else {},
            checkpoints=self._checkpoints,
        )

    def run(self) -> RunOutcome:
        """Run every stage that can run; independent ones go on when one fails.

        Raises why it was stopped, when that was between two stages.
        """
        with ExitStack() as stack:
            stack.callback(self._execution.close)
            if self._limit:
                timer = threading.Timer(self._limit, self._time_out)
                timer.daemon = True
                timer.start()
                stack.callback(timer.cancel)
            if self._submit is None:
                self._submit = stack.enter_context(LocalTasks())
            reused = self._take_over()
            ended = self._run_stages()
            for task in self._tasks:
                task.exception()
        outcome = _merge([reused, *(running.end.result() for running in ended)])
        if outcome.skipped and not outcome.failures:
            self._execution.check()
        if self._checkpoints and outcome.ok:
            self._checkpoints.remove()
        return outcome

    def interrupt(self) -> None:
        """Stop what is running, here and in the databases; nothing more is started."""
        self._execution.interrupt()

    def _time_out(self) -> None:
        message = (
            f"the run took longer than its limit of {self._limit:g} s, and was stopped; raise the "
            "workflow's limit, or read fewer rows"
        )
        self._execution.interrupt(TimedOut(message, permanent=True))

    def _take_over(self) -> RunOutcome:
        """Read back what earlier runs kept, and report the steps that are not run.

        Raises ``StepFailed`` for rows that cannot be read.
        """
        assert self._submit is not None
        rows: dict[str, int] = {}
        for key, checkpoint in self._course.restored.items():
            self._execution.restore(key, checkpoint)
            rows[key] = sum(checkpoint.kept.rows.values())
        nodes = {
            step.key: NodeOutcome(step.key, None, rows.get(step.key), 0, is_reused=True)
            for step in self._course.reused
        }
        for step in self._course.reused:
            self._tasks.append(
                self._submit(_as_waiting(step), partial(nodes.__getitem__, step.key))
            )
        return RunOutcome(nodes)

    def _run_stages(self) -> list[_Running]:
        """In the order they ended."""
        waiting = [_Running(stage) for stage in self._stages]
        ended: dict[str, _Running] = {}
        running = 0
        while waiting or running:
            for ready in self._ready(waiting, ended, MAX_STAGES_AT_ONCE - running):
                waiting.remove(ready)
                self._start(ready, ended)
                running += 1
            done = self._settled.get()
            ended[done.stage.key] = done
            running -= 1
            self._let_go(done.stage, ended)
        return list(ended.values())

    def _let_go(self, stage: Stage, ended: Mapping[str, _Running]) -> None:
        """Forget what ``stage`` was the last to read; on disk it stays where a reader failed."""
        for key in stage.reads:
            readers = [other.key for other in self._stages if key in other.reads]
            if all(reader in ended for reader in readers):
                is_read = all(ended[reader].end.result().ok for reader in readers)
                if not is_read and key not in self._course.restored:
                    self._execution.preserve(key)
                self._execution.drop(key)

    def _ready(
        self, waiting: list[_Running], ended: Mapping[str, _Running], free: int
    ) -> list[_Running]:
        there = ended.keys() | self._course.restored.keys()
        return [r for r in waiting if self._before(r.stage) <= there][:free]

    def _before(self, stage: Stage) -> set[str]:
        """Keys of the stages that must have ended before it starts, of those that run."""
        after = {self._stage_of.get(key, "") for step in stage.steps for key in step.after}
        return {*stage.reads, *after} - {""}

    def _start(self, running: _Running, ended: Mapping[str, _Running]) -> None:
        """Submit the sink first: were tasks to queue, those that wait must not hold its place."""
        assert self._submit is not None
        stage = running.stage
        before = self._before(stage) - self._course.restored.keys()
        fed = all(key in ended[key].end.result().nodes for key in before)
        if not fed or self._execution.is_interrupted:
            running.obstacle = "the run was stopped" if fed else running.obstacle
            self._settle(running, RunOutcome(skipped=tuple(step.key for step in stage.steps)))
        sink = self._submit(_as_sink(stage), lambda: self._execute(running))
        self._tasks.append(sink)
        threading.Thread(target=self._watch, args=(running, sink), daemon=True).start()
        for step in stage.steps[:-1]:
            self._tasks.append(self._submit(_as_waiting(step), _answer(running, step.key)))

    def _execute(self, running: _Running) -> NodeOutcome:
        """The work of a sink: one attempt of the whole stage."""
        if not running.end.done():
            running.attempts += 1
            try:
                self._settle(running, RunOutcome(self._execution.execute(running.stage)))
            except StepFailed as failure:
                if not failure.permanent and running.attempts <= running.stage.retries:
                    raise
                self._settle(running, self._failed(running.stage, failure))
        return running.answer(running.stage.key)

    def _watch(self, running: _Running, sink: TaskFuture) -> None:
        """Give a stage an end even when its task is ended by others before it had one."""
        error = sink.exception()
        if not isinstance(error, EngineError):
            error = Interrupted(f"its task was ended from outside: {error!r}")
        self._settle(running, self._failed(running.stage, blame(running.stage.key, error)))

    def _failed(self, stage: Stage, failure: StepFailed) -> RunOutcome:
        """The culprit fails, what reads it is skipped, the rest of the stage ended well.

        In a stage that was stopped nothing did.
        """
        after = {step.key for step in stage.steps} if _is_stop(failure) else {failure.step}
        for step in stage.steps:
            if any(edge.step in after for edge in step.inputs):
                after.add(step.key)
        before = [step.key for step in stage.steps if step.key not in after]
        columns = self._execution.columns
        return RunOutcome(
            nodes={key: NodeOutcome(key, None, None, 0, columns=columns(key)) for key in before},
            failures=(failure,),
            skipped=tuple(s.key for s in stage.steps if s.key in after and s.key != failure.step),
        )

    def _settle(self, running: _Running, outcome: RunOutcome) -> None:
        if running.settle(outcome):
            self._settled.put(running)


class LocalTasks:
    """Runs tasks in threads of this process; the submitter when none is given."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="node")
        self._closing = threading.Event()

    def __enter__(self) -> Submit:
        return self._start

    def __exit__(self, *exc: object) -> None:
        self._closing.set()
        self._threads.shutdown()

    def _start(self, step: Step, work: Work) -> Future[NodeOutcome]:
        return self._threads.submit(self._attempt, step, work)

    def _attempt(self, step: Step, work: Work) -> NodeOutcome:
        for _ in range(step.retries):
            try:
                return work()
            except EngineError as error:
                if error.permanent or self._closing.wait(step.retry_delay_seconds):
                    raise
        return work()


def _refuse_unknown_kinds(plan: Plan, kinds: Mapping[str, AnyKind]) -> None:
    for step in plan.steps:
        if step.kind not in kinds:
            raise PlanError(
                f"node '{step.key}': {unknown('kind', step.kind, kinds)}; "
                "install what provides it on this worker"
            )


def _is_stop(failure: StepFailed) -> bool:
    """Whether no node is to blame: the run was told to stop."""
    return failure.code == Interrupted.code


def _merge(outcomes: Iterable[RunOutcome]) -> RunOutcome:
    nodes: dict[str, NodeOutcome] = {}
    failures: list[StepFailed] = []
    skipped: list[str] = []
    for outcome in outcomes:
        nodes.update(outcome.nodes)
        failures.extend(outcome.failures)
        skipped.extend(outcome.skipped)
    return RunOutcome(nodes, tuple(failures), tuple(skipped))


def _answer(running: _Running, key: str) -> Work:
    return lambda: running.answer(key)


def _as_sink(stage: Stage) -> Step:
    delay = stage.retry_delay_seconds
    patience = {"retries": stage.retries, "retry_delay_seconds": delay, "timeout_seconds": None}
    return stage.sink.model_copy(update=patience)


def _as_waiting(step: Step) -> Step:
    return step.model_copy(update={"retries": 0, "timeout_seconds": None})
