"""The one Prefect flow: runs any plan, each node as a Prefect task.

A node's task run is named by its key. Its last state's message is the outcome as compact
JSON when it ended well, ``CODE: node 'key': text`` when it failed; a node that was not run
ends as Cancelled, named Skipped, or, where a restart has its rows, as Completed, named
Reused. The flow run's message is that of its first failure.
"""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any, cast

from prefect import Task, flow
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.exceptions import TerminationSignal
from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import ValidationError

from engine.errors import EngineError, Interrupted, PlanError, Skipped, StepFailed
from engine.interpreter import RunSession, Work
from engine.outcome import NodeOutcome
from engine.plan import Plan, PlanConnection, Step, canonical_json
from engine.restarting.checkpoints import prepared_folder
from engine.restarting.restart import Restart
from engine.samples.sample_sender import SampleSender
from engine.sealing import unseal
from engine.stack import stack_of

#: Name of the state of a node that was not run, because what it made is there.
REUSED = "Reused"


class NodeTask:
    """One node as a Prefect task; what the interpreter waits on."""

    def __init__(self, step: Step, work: Work) -> None:
        self._step = step
        self._work = work
        self._failure: EngineError | None = None
        self._future: PrefectFuture[Any] | None = None

    def submit(self) -> NodeTask:
        step = self._step
        task: Task[[], State[Any]] = Task(
            fn=self._attempt,
            name=step.key,
            task_run_name=self._name,
            retries=step.retries,
            retry_delay_seconds=step.retry_delay_seconds,
            # Prefect calls functions only: of a bound method it makes 'never'.
            retry_condition_fn=lambda *_: self._may_retry(),
            timeout_seconds=step.timeout_seconds,
            cache_policy=NO_CACHE,
            persist_result=False,
        )
        self._future = task.submit()
        return self

    def exception(self) -> BaseException | None:
        """Wait for the end, retries included; what the node raised, if anything."""
        assert self._future is not None
        self._future.wait()
        state = self._future.state
        if self._failure is None and not state.is_completed():
            return RuntimeError(state.message or state.name)
        return self._failure

    def _name(self) -> str:
        return self._step.key

    def _attempt(self) -> State[Any]:
        """The body of the task: does the work, says how it ended."""
        logger = get_run_logger()
        self._failure = None
        logger.info("node '%s' starts", self._step.key)
        try:
            outcome = self._work()
        except EngineError as failure:
            self._failure = failure
            return _end_of(failure, logger)
        for warning in outcome.warnings:
            logger.warning("node '%s': %s", self._step.key, warning)
        logger.info("node '%s' ended: %s", self._step.key, _in_words(outcome))
        name = REUSED if outcome.is_reused else None
        return Completed(name=name, message=outcome_message(outcome))

    def _may_retry(self) -> bool:
        return self._failure is not None and not self._failure.permanent


@flow(
    name="run-workflow",
    validate_parameters=False,
    persist_result=False,
    task_runner=cast("Any", ThreadPoolTaskRunner(max_workers=2_000)),
)
def run_workflow(
    plan: dict[str, Any],
    parameters: dict[str, Any] | None = None,
    restart: dict[str, Any] | None = None,
) -> State[Any]:
    """Run a plan's JSON to its end; ``parameters`` override the plan's own.

    ``restart`` is the JSON of an ``engine.restarting.restart.Restart``.
    """
    for logger in ("prefect.task_runs", "prefect.flow_runs"):
        logging.getLogger(logger).addFilter(_is_news)
    samples = SampleSender(str(flow_run.id))
    try:
        session = RunSession(
            Plan.model_validate(plan),
            run_id=str(flow_run.id),
            secrets=open_secrets,
            submit=lambda step, work: NodeTask(step, work).submit(),
            parameters=parameters,
            restart=Restart.model_validate(restart) if restart else None,
            checkpoints=prepared_folder(),
            samples=samples.wanted(),
        )
        with samples:
            outcome = _run_aside(session)
    except EngineError as error:
        named = isinstance(error, StepFailed)
        return Failed(message=str(error) if named else f"{error.code}: {error.message}")
    except ValidationError as error:
        return Failed(message=f"E_PLAN: {_first(error)}")
    if outcome.failures:
        return Failed(message=str(outcome.failures[0]))
    return Completed(message=f"{len(outcome.nodes)} nodes ended well")


def outcome_message(outcome: NodeOutcome) -> str:
    """A node's outcome as compact JSON: rows_in, rows_out (null = not known), seconds.

    ``warnings`` is there if there are any, ``is_inside`` where no row left the database, and of
    sources and targets ``columns``, name → type in the database's words, or else in DuckDB's.
    """
    figures: dict[str, Any] = {
        "rows_in": outcome.rows_in,
        "rows_out": outcome.rows_out,
        "seconds": round(outcome.seconds, 3),
    }
    if outcome.warnings:
        figures["warnings"] = outcome.warnings
    if outcome.is_inside:
        figures["is_inside"] = True
    if outcome.columns:
        figures["columns"] = {one.name: one.native_type or one.type for one in outcome.columns}
    return canonical_json(figures).decode()


def _is_news(record: logging.LogRecord) -> bool:
    """How a node ended is logged by the node itself, in words; Prefect's own lines repeat it."""
    return not record.getMessage().startswith(("Finished in state", "Task run failed with state"))


def _run_aside(session: RunSession) -> Any:
    """Run in a thread, so that a signal to this one can stop it in good order."""
    with ThreadPoolExecutor(1, thread_name_prefix="interpreter") as aside:
        running = aside.submit(copy_context().run, session.run)
        try:
            return running.result()
        except TerminationSignal:
            session.interrupt()
            raise


def _first(error: ValidationError) -> str:
    """What is wrong with a plan, without the values in it."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join((error.title, *(str(part) for part in first["loc"])))
    return (
        f"the plan cannot be read at '{where}' ({first['msg']}); expected what this worker's "
        "version of FlowAdmin writes; bring both to the same version"
    )


def open_secrets(connection: PlanConnection) -> dict[str, str]:
    """A connection's secrets, with the key of the pool that this run is in."""
    return unseal(_pool_key(), connection.sealed) if connection.sealed else {}


def _pool_key() -> str:
    """The private key of the pool this run is in."""
    pool, folder = os.environ.get("FLOWADMIN_POOL", ""), os.environ.get("FLOWADMIN_POOL_KEYS", "")
    file = Path(folder) / f"{pool}.key"
    try:
        return file.read_text().strip()
    except OSError as error:
        raise PlanError(
            f"the key of pool '{pool}' cannot be read from '{file}' ({error.strerror}); "
            "expected its private key; set FLOWADMIN_POOL_KEYS to the folder that holds it",
            code="E_POOL_KEY",
        ) from error


def _end_of(failure: EngineError, logger: Any) -> State[Any]:
    if isinstance(failure, Skipped):
        logger.info(failure.message)
        return Cancelled(name="Skipped", message=failure.message)
    if failure.code == Interrupted.code:
        return Cancelled(message=failure.message)
    logger.error("%s\n%s", failure, stack_of(failure))
    return Failed(message=str(failure))


def _in_words(outcome: NodeOutcome) -> str:
    known = [("rows in", outcome.rows_in), ("rows out", outcome.rows_out)]
    counts = [f"{count:,} {what}" for what, count in known if count is not None]
    if outcome.is_reused:
        return ", ".join(["not run again", *counts])
    if outcome.is_inside:
        counts.append("ran inside the database")
    return ", ".join([*counts, f"{outcome.seconds:.3f} s"])
