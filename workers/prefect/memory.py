"""The gateway on dicts: what Prefect does with our calls, without a server.

For tests and for trying things out. Runs do not advance by themselves: ``advance`` plays
the worker. ``go_down`` makes every call fail as if Prefect were away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

from workers.prefect.gateway import (
    TERMINAL,
    Deployment,
    DeploymentSpec,
    FlowRun,
    Kept,
    LogLine,
    NotThere,
    PoolStatus,
    PrefectUnreachable,
    TaskRun,
    Worker,
)

_K = TypeVar("_K")
_V = TypeVar("_V")
_TAKES_A_SLOT = frozenset({"PENDING", "RUNNING", "CANCELLING"})


@dataclass(slots=True)
class _Pool:
    concurrency_limit: int
    is_paused: bool
    workers: dict[str, Worker] = field(default_factory=dict)


@dataclass(slots=True)
class InMemoryGateway:
    """``Gateway`` in memory; the attributes may be read, and are changed through methods."""

    pools: dict[str, _Pool] = field(default_factory=dict)
    deployments: dict[UUID, Deployment] = field(default_factory=dict)
    #: Deployment id → all that was last sent of it.
    specs: dict[UUID, DeploymentSpec] = field(default_factory=dict)
    flow_runs: dict[UUID, FlowRun] = field(default_factory=dict)
    nodes: dict[UUID, TaskRun] = field(default_factory=dict)
    lines: list[LogLine] = field(default_factory=list)
    #: (flow run, node) → what was sent of its rows.
    samples: dict[tuple[UUID, str], Mapping[str, Any]] = field(default_factory=dict)
    #: Names of the methods called, in order.
    calls: list[str] = field(default_factory=list)
    has_zombie_automation: bool = False
    _by_key: dict[tuple[UUID, str], UUID] = field(default_factory=dict)
    _heard: dict[UUID, datetime] = field(default_factory=dict)
    _is_down: bool = False

    def go_down(self) -> None:
        """From now on every call fails as if Prefect were away."""
        self._is_down = True

    def come_back(self) -> None:
        self._is_down = False

    # What a worker would do.

    def put_online(self, pool: str, name: str = "worker", *, is_online: bool = True) -> None:
        """A worker of the pool gives a sign of life, or stops giving any."""
        old = self.pools[pool].workers.get(name)
        worker_id = old.id if old else uuid4()
        self.pools[pool].workers[name] = Worker(worker_id, name, pool, is_online, _now(), 30)

    def advance(self, flow_run_id: UUID, state: str, message: str = "") -> FlowRun:
        """The run's process reports a state; one that has ended stays as it is."""
        old = self.flow_runs[flow_run_id]
        if old.state in TERMINAL:
            return old
        moment = _now()
        run = replace(
            old,
            state=state,
            state_name=state.capitalize(),
            state_at=moment,
            message=message,
            started_at=old.started_at or (moment if state == "RUNNING" else None),
            ended_at=moment if state in TERMINAL else None,
        )
        self.flow_runs[flow_run_id] = run
        return run

    def advance_node(
        self, flow_run_id: UUID, node: str, state: str, message: str = "", state_name: str = ""
    ) -> TaskRun:
        """A node of the run reports a state."""
        at = _now()
        old = next(
            (n for n in self.nodes.values() if (n.flow_run_id, n.name) == (flow_run_id, node)), None
        )
        if old is None:
            old = TaskRun(uuid4(), flow_run_id, node, "PENDING", "Pending", at, "", 0, None, None)
        name = state_name or state.capitalize()
        new = replace(
            old,
            state=state,
            state_name=name,
            state_at=at,
            message=message,
            attempt=old.attempt + (state == "RUNNING"),
            started_at=old.started_at or (at if state == "RUNNING" else None),
            ended_at=at if state in TERMINAL else None,
        )
        self.nodes[new.id] = new
        return new

    def beat(self, flow_run_id: UUID, at: datetime | None = None) -> None:
        """The run's process gives a sign of life."""
        self._heard[flow_run_id] = at or _now()

    def write_log(
        self,
        flow_run_id: UUID,
        message: str,
        *,
        level: int = 20,
        task_run_id: UUID | None = None,
        at: datetime | None = None,
    ) -> None:
        self.lines.append(LogLine(uuid4(), at or _now(), level, message, flow_run_id, task_run_id))

    def send_sample(self, flow_run_id: UUID, node: str, sample: Mapping[str, Any]) -> None:
        self.samples[flow_run_id, node] = sample

    # The contract.

    def is_healthy(self) -> bool:
        return not self._is_down

    def ensure_pool(
        self, name: str, *, concurrency_limit: int, is_paused: bool, description: str = ""
    ) -> None:
        self._called("ensure_pool")
        pool = self.pools.setdefault(name, _Pool(concurrency_limit, is_paused))
        pool.concurrency_limit, pool.is_paused = concurrency_limit, is_paused

    def pool_status(self, name: str) -> PoolStatus:
        self._called("pool_status")
        pool = self._pool(name)
        here = [run for run in self.flow_runs.values() if run.pool == name]
        return PoolStatus(
            name=name,
            concurrency_limit=pool.concurrency_limit,
            active=sum(run.state in _TAKES_A_SLOT for run in here),
            queued=sum(run.state == "SCHEDULED" for run in here),
            is_paused=pool.is_paused,
            workers_online=sum(worker.is_online for worker in pool.workers.values()),
        )

    def workers(self, pool: str) -> Sequence[Worker]:
        self._called("workers")
        return list(self._pool(pool).workers.values())

    def upsert_deployment(self, spec: DeploymentSpec) -> Deployment:
        self._called("upsert_deployment")
        self._pool(spec.pool)
        old = next((d.id for d in self.deployments.values() if d.name == spec.name), None)
        deployment_id = old or uuid4()
        made = Deployment(deployment_id, spec.name, spec.pool, spec.is_paused, spec.tags)
        self.deployments[deployment_id], self.specs[deployment_id] = made, spec
        return made

    def set_deployment_paused(self, deployment_id: UUID, is_paused: bool) -> None:
        self._called("set_deployment_paused")
        old = self._deployment(deployment_id)
        self.deployments[deployment_id] = replace(old, is_paused=is_paused)

    def delete_deployment(self, deployment_id: UUID) -> None:
        self._called("delete_deployment")
        self.deployments.pop(deployment_id, None)
        self.specs.pop(deployment_id, None)

    def find_deployments(self, tag: str) -> Sequence[Deployment]:
        self._called("find_deployments")
        return [found for found in self.deployments.values() if tag in found.tags]

    def create_run(
        self,
        deployment_id: UUID,
        *,
        parameters: Mapping[str, Any] | None = None,
        idempotency_key: str = "",
        tags: Sequence[str] = (),
    ) -> FlowRun:
        self._called("create_run")
        deployment, spec = self._deployment(deployment_id), self.specs[deployment_id]
        known = self._by_key.get((deployment_id, idempotency_key))
        if idempotency_key and known is not None:
            return self.flow_runs[known]
        run = _new_run(deployment, spec, parameters or {}, tags)
        self.flow_runs[run.id] = run
        self._by_key[deployment_id, idempotency_key] = run.id
        return run

    def cancel_run(self, flow_run_id: UUID) -> None:
        self._called("cancel_run")
        waits = self._run(flow_run_id).state == "SCHEDULED"
        self.advance(flow_run_id, "CANCELLED" if waits else "CANCELLING")

    def delete_runs(self, flow_run_ids: Sequence[UUID]) -> None:
        self._called("delete_runs")
        for flow_run_id in flow_run_ids:
            self.flow_runs.pop(flow_run_id, None)

    def kept(self) -> Kept:
        self._called("kept")
        return Kept(len(self.flow_runs), len(self.nodes))

    def crash_run(self, flow_run_id: UUID, message: str) -> bool:
        self._called("crash_run")
        return self._end(flow_run_id, "CRASHED", message)

    def end_cancel(self, flow_run_id: UUID, message: str) -> bool:
        self._called("end_cancel")
        return self._end(flow_run_id, "CANCELLED", message)

    def heard_from(self, flow_run_ids: Sequence[UUID], since: datetime) -> Set[UUID]:
        self._called("heard_from")
        return {one for one in flow_run_ids if one in self._heard and self._heard[one] >= since}

    def ensure_zombie_automation(self) -> None:
        self._called("ensure_zombie_automation")
        self.has_zombie_automation = True

    def run(self, flow_run_id: UUID) -> FlowRun:
        self._called("run")
        return self._run(flow_run_id)

    def runs(
        self,
        *,
        ids: Sequence[UUID] = (),
        tag: str = "",
        states: Sequence[str] = (),
        since: datetime | None = None,
        limit: int = 200,
    ) -> Sequence[FlowRun]:
        self._called("runs")
        found = [
            run
            for run in self.flow_runs.values()
            if (not ids or run.id in ids)
            and (not tag or tag in run.tags)
            and (not states or run.state in states)
            and (since is None or _expected(run) >= since)
        ]
        return sorted(found, key=_expected, reverse=True)[:limit]

    def task_runs(self, flow_run_ids: Sequence[UUID]) -> Sequence[TaskRun]:
        self._called("task_runs")
        return [node for node in self.nodes.values() if node.flow_run_id in flow_run_ids]

    def logs(
        self,
        flow_run_ids: Sequence[UUID],
        *,
        since: datetime | None = None,
        offset: int = 0,
        limit: int = 200,
        newest_first: bool = False,
    ) -> Sequence[LogLine]:
        self._called("logs")
        found = [
            line
            for line in self.lines
            if line.flow_run_id in flow_run_ids and (since is None or line.at >= since)
        ]
        found.sort(key=lambda line: line.at, reverse=newest_first)
        return found[offset : offset + limit]

    def node_sample(self, flow_run_id: UUID, node: str) -> Mapping[str, Any] | None:
        self._called("node_sample")
        return self.samples.get((flow_run_id, node))

    def _called(self, method: str) -> None:
        if self._is_down:
            raise PrefectUnreachable("Prefect does not answer; expected its API; start it")
        self.calls.append(method)

    def _end(self, flow_run_id: UUID, state: str, message: str) -> bool:
        if self._run(flow_run_id).state in TERMINAL:
            return False
        self.advance(flow_run_id, state, message)
        return True

    def _pool(self, name: str) -> _Pool:
        return _known(self.pools, name, "work pool")

    def _deployment(self, deployment_id: UUID) -> Deployment:
        return _known(self.deployments, deployment_id, "deployment")

    def _run(self, flow_run_id: UUID) -> FlowRun:
        return _known(self.flow_runs, flow_run_id, "flow run")


def _known(things: Mapping[_K, _V], key: _K, what: str) -> _V:
    try:
        return things[key]
    except KeyError:
        raise NotThere(f"Prefect does not know the {what} '{key}'") from None


def _new_run(
    deployment: Deployment,
    spec: DeploymentSpec,
    parameters: Mapping[str, Any],
    tags: Sequence[str],
) -> FlowRun:
    merged = {**spec.parameters, **parameters}
    run_id, moment = uuid4(), _now()
    return FlowRun(
        id=run_id,
        name=f"run-{run_id.hex[:8]}",
        deployment_id=deployment.id,
        state="SCHEDULED",
        state_name="Scheduled",
        state_at=moment,
        message="",
        created_at=moment,
        expected_at=moment,
        started_at=None,
        ended_at=None,
        pool=deployment.pool,
        is_scheduled=False,
        version=spec.version,
        parameters={name: value for name, value in merged.items() if name != "plan"},
        tags=tuple(dict.fromkeys((*deployment.tags, *tags))),
    )


def _expected(run: FlowRun) -> datetime:
    return run.expected_at or run.created_at


def _now() -> datetime:
    return datetime.now(UTC)
