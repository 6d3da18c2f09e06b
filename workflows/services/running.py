"""Run, retry, cancel, pause, resume."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from engine.restarting.restart import Restart
from engine.suggestion import unknown
from workers.capacity import pool_states, pools_for
from workers.models import PoolAssignment
from workers.prefect.current import gateway
from workers.prefect.gateway import FlowRun, GatewayError, NotThere, PrefectUnreachable
from workers.routing import Route, route
from workers.wake import wake
from workflows import registration
from workflows.definition import Definition
from workflows.models import (
    OPEN_STATES,
    Registration,
    RegistrationState,
    Run,
    RunState,
    Trigger,
    Workflow,
)
from workflows.services import auditing, mirror
from workflows.services.parameters import misfit
from workflows.services.restarting import restart_of


class NotRunnable(Exception):
    """The workflow cannot run now; ``code`` is stable, ``reason`` is for people.

    Codes: disabled, not_registered, unknown_parameter, invalid_parameter, unknown_pool,
    pools_full, prefect_unreachable, prefect_refused; of a retry also: not_ended, nothing_failed,
    unknown_node, retry_under_way.
    """

    def __init__(self, reason: str, code: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a run goes, and why."""

    deployment_id: UUID
    pool: str
    receipt: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A run to start."""

    parameters: Mapping[str, Any]
    idempotency_key: str
    tags: tuple[str, ...]
    restart: Mapping[str, Any] = field(default_factory=dict)
    preferred_pool: str = ""
    refuse_when_full: bool = False

    @property
    def flow_parameters(self) -> dict[str, Any]:
        """What differs from the deployment's own."""
        given = {"parameters": dict(self.parameters), "restart": dict(self.restart)}
        return {name: value for name, value in given.items() if value}


def run_now(
    *,
    workflow: Workflow,
    user: User | None = None,
    trigger: Trigger = Trigger.MANUAL,
    parameters: Mapping[str, Any] | None = None,
    idempotency_key: str = "",
    preferred_pool: str = "",
    refuse_when_full: bool = False,
) -> Run:
    """Start a run of the registered version; a paused workflow may be run by hand.

    Equal idempotency keys of a workflow give the same run. If the assigned pool is paused,
    full or without a worker, the run goes to the pool that routing falls back to, if any;
    otherwise it waits in the assigned one, or with ``refuse_when_full`` raises.

    Raises NotRunnable.
    """
    current = _runnable(workflow)
    _check_parameters(current, parameters or {})
    wanted = _Wanted(
        parameters=parameters or {},
        idempotency_key=idempotency_key,
        tags=mirror.tags_of(trigger, user),
        preferred_pool=preferred_pool,
        refuse_when_full=refuse_when_full,
    )
    return _start(workflow, current, wanted)


def retry(run: Run, *, from_failed: bool = True, node: str = "", user: User | None = None) -> Run:
    """Run again what ``run`` did not do: as registered now, with its parameters.

    From the failed nodes on, unless ``node`` names another, which is run anew with all that
    follows; without ``from_failed`` and ``node`` everything is, as if it had never run.
    Asked twice while the first retry is under way, gives the same run.

    Raises NotRunnable.
    """
    if not run.is_terminal:
        raise NotRunnable(f"run '{run}' has not ended; cancel it first, or wait", "not_ended")
    if run.state == RunState.COMPLETED and from_failed and not node:
        raise NotRunnable("all of its nodes ended well; run it from the start", "nothing_failed")
    before = list(run.retries.order_by("created_at"))
    if started := _under_way(before, node or ("failed" if from_failed else "start")):
        return started
    current = _runnable(run.workflow)
    _check_parameters(current, run.parameters)
    restart: dict[str, Any] = {}
    if from_failed or node:
        restart = _restart(run, current, node).model_dump(mode="json")
    wanted = _Wanted(
        parameters=run.parameters,
        restart=restart,
        idempotency_key=f"retry:{run.pk}:{before[-1].pk if before else 0}",
        tags=mirror.tags_of(Trigger.RETRY, user, parent=run.pk),
    )
    started = _start(run.workflow, current, wanted)
    auditing.record("run.retried", run, as_run=str(started.pk))
    return started


def _under_way(retries: Iterable[Run], start: str) -> Run | None:
    """The retry that was asked for already. Raises NotRunnable where another one is."""
    other = next((one for one in retries if not one.is_terminal), None)
    if other is None or (other.restart.get("start", "start") == start):
        return other
    raise NotRunnable(
        f"it is being retried otherwise, as run '{other}'; wait for its end, or cancel it",
        "retry_under_way",
    )


def _restart(run: Run, current: Registration, node: str) -> Restart:
    assert current.version is not None
    definition = Definition.model_validate(current.version.definition)
    known = [one.key for one in definition.nodes]
    if node and node not in known:
        raise NotRunnable(unknown("node", node, known), "unknown_node")
    return restart_of(run, definition, node)


def _start(workflow: Workflow, current: Registration, wanted: _Wanted) -> Run:
    key = wanted.idempotency_key
    try:
        place = _place(workflow, current, wanted.preferred_pool, wanted.refuse_when_full)
        flow_run = gateway().create_run(
            place.deployment_id,
            parameters=wanted.flow_parameters or None,
            # Prefect's keys are unique per flow, and all workflows share one flow.
            idempotency_key=f"{workflow.pk}:{key}" if key else "",
            tags=wanted.tags,
        )
    except registration.NotSealable as error:
        raise NotRunnable(str(error), "not_registered") from error
    except NotThere:
        registration.register_from_scratch(workflow.pk)
        reason = "its deployment had vanished from Prefect; it is being registered again, try soon"
        raise NotRunnable(reason, "not_registered") from None
    except PrefectUnreachable as error:
        raise NotRunnable(str(error), "prefect_unreachable") from error
    except GatewayError as error:
        raise NotRunnable(str(error), "prefect_refused") from error
    run = record(flow_run, place.pool, place.receipt, wanted.parameters)
    wake(place.pool)
    auditing.record(
        "workflow.run",
        workflow,
        run=str(run.pk),
        pool=place.pool,
        parameters=sorted(run.parameters),
    )
    return run


def cancel(run: Run) -> Run:
    """Ask for cancellation; a run that has ended stays as it is.

    Raises GatewayError.
    """
    gateway().cancel_run(run.pk)
    auditing.record("run.canceled", run, workflow=run.workflow.name)
    mirror.apply_flow_run(gateway().run(run.pk))
    run.refresh_from_db()
    return run


def pause(workflow: Workflow) -> None:
    """Schedules stop firing; the deployment stays, and runs by hand are possible."""
    _set_paused(workflow, True)


def resume(workflow: Workflow) -> None:
    """Schedules fire again from now on; what was missed is not caught up."""
    _set_paused(workflow, False)


def register_again(workflow: Workflow) -> None:
    """Send the deployment to Prefect even if nothing seems to have changed."""
    auditing.record("workflow.register", workflow)
    registration.register_from_scratch(workflow.pk)


@transaction.atomic
def _set_paused(workflow: Workflow, is_paused: bool) -> None:
    Workflow.objects.filter(pk=workflow.pk).update(is_paused=is_paused)
    workflow.is_paused = is_paused
    auditing.record("workflow.paused" if is_paused else "workflow.resumed", workflow)
    registration.mark_dirty(workflow.pk)


def _runnable(workflow: Workflow) -> Registration:
    if not workflow.is_enabled:
        raise NotRunnable("the workflow is disabled; enable it first", "disabled")
    current = Registration.objects.select_related("version").filter(workflow_id=workflow.pk).first()
    if current is None or current.deployment_id is None:
        why = f" ({current.state}: {current.reason})" if current and current.reason else ""
        now = "correct it and save" if _has_failed(current) else "try again in a moment"
        reason = f"no version of it has been registered yet{why}; {now}"
        raise NotRunnable(reason, "not_registered")
    return current


def _has_failed(current: Registration | None) -> bool:
    return current is not None and current.state == RegistrationState.FAILED


def _check_parameters(current: Registration, parameters: Mapping[str, Any]) -> None:
    known = current.version.definition["parameters"] if current.version else {}
    for name, value in parameters.items():
        if name not in known:
            raise NotRunnable(unknown("parameter", name, known), "unknown_parameter")
        if why := misfit(name, value, known[name]):
            raise NotRunnable(why, "invalid_parameter")


def _place(
    workflow: Workflow, current: Registration, preferred_pool: str, refuse_when_full: bool
) -> _Place:
    assert current.deployment_id is not None
    if preferred_pool:
        _check_pool(workflow, preferred_pool)
    assignment = PoolAssignment.objects.get(workflow=workflow)
    home = _Place(current.deployment_id, current.pool, assignment.receipt)
    if preferred_pool in ("", current.pool) and _seems_free(workflow, current.pool):
        return home
    chosen = _route(workflow, preferred_pool, refuse_when_full)
    if chosen.pool == current.pool:
        return replace(home, receipt=chosen.receipt)
    deployment = registration.twin(workflow, chosen.pool)
    return _Place(deployment.id, chosen.pool, chosen.receipt)


def _check_pool(workflow: Workflow, name: str) -> None:
    known = list(pools_for(workflow.team).values_list("name", flat=True))
    if name not in known:
        raise NotRunnable(unknown("pool", name, known), "unknown_pool")


def _seems_free(workflow: Workflow, pool: str) -> bool:
    """What our own tables say, so that the usual trigger asks Prefect for nothing but the run."""
    row = pools_for(workflow.team).filter(name=pool).first()
    if row is None:
        return False
    active = Run.objects.filter(pool=pool, state__in=OPEN_STATES).count()
    has_room = active < row.concurrency_limit and not row.is_paused
    return has_room and row.workers.filter(is_online=True).exists()


def _route(workflow: Workflow, preferred_pool: str, refuse_when_full: bool) -> Route:
    states = pool_states(workflow.team)
    if refuse_when_full and all(state.obstacle for state in states):
        why = "; ".join(f"{state.name} {state.obstacle}" for state in states)
        raise NotRunnable(f"no pool has room: {why}", "pools_full")
    return route(registration.requirements_of(workflow, preferred_pool), states)


@transaction.atomic
def record(
    flow_run: FlowRun,
    pool: str,
    receipt: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
) -> Run:
    """The row at once, and what only we know, even if the observer was faster."""
    mirror.apply_flow_run(flow_run)
    Run.objects.filter(pk=flow_run.id, receipt={}).update(
        pool=pool, parameters=dict(parameters or {}), receipt=receipt
    )
    return Run.objects.get(pk=flow_run.id)
