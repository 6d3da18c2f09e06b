"""What FlowAdmin asks of Prefect.

GatewayError
├── PrefectUnreachable   no answer, or 5xx: try again later
├── PrefectRefused       4xx with Prefect's own words: trying again cannot help
└── NotThere             404: the deployment, run or pool does not exist
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from engine.plan import Schedule

#: Prefect's state types that a run never leaves.
TERMINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


class GatewayError(Exception):
    """Prefect did not do what it was asked; ``permanent`` says that a retry cannot help."""

    permanent = False


class PrefectUnreachable(GatewayError):
    """Prefect does not answer."""


class PrefectRefused(GatewayError):
    """Prefect refused the request."""

    permanent = True


class NotThere(PrefectRefused):
    """Prefect does not know the object."""


@dataclass(frozen=True, slots=True)
class DeploymentSpec:
    """All of a deployment; sent whole, so that an upsert never keeps something old."""

    name: str
    pool: str
    parameters: Mapping[str, Any]
    tags: tuple[str, ...]
    schedules: tuple[Schedule, ...] = ()
    is_paused: bool = False
    description: str = ""
    #: Runs of this workflow at the same time; None = as many as the pool takes.
    concurrency_limit: int | None = None
    #: What becomes of a run beyond that: Prefect's word, ENQUEUE or CANCEL_NEW.
    overlap: str = "ENQUEUE"
    version: str = ""


@dataclass(frozen=True, slots=True)
class Deployment:
    id: UUID
    name: str
    pool: str
    is_paused: bool
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FlowRun:
    """A flow run; ``state`` is Prefect's state type (``RUNNING``), ``state_name`` its word."""

    id: UUID
    name: str
    deployment_id: UUID | None
    state: str
    state_name: str
    state_at: datetime
    message: str
    created_at: datetime
    expected_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    pool: str
    is_scheduled: bool
    version: str = ""
    #: As the flow got them, but for the plan, which is large and known elsewhere.
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskRun:
    """A task run; ``name`` is the node's key."""

    id: UUID
    flow_run_id: UUID
    name: str
    state: str
    state_name: str
    state_at: datetime
    message: str
    attempt: int
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class LogLine:
    id: UUID
    at: datetime
    level: int
    message: str
    flow_run_id: UUID
    task_run_id: UUID | None


@dataclass(frozen=True, slots=True)
class Worker:
    id: UUID
    name: str
    pool: str
    is_online: bool
    last_heartbeat_at: datetime | None
    heartbeat_interval_seconds: float | None


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """A work pool now. ``active`` = slots taken (Pending and Running runs)."""

    name: str
    concurrency_limit: int | None
    active: int
    queued: int
    is_paused: bool
    workers_online: int


@dataclass(frozen=True, slots=True)
class Kept:
    """How much Prefect keeps, in rows."""

    runs: int
    task_runs: int


class Gateway(Protocol):
    """The contract. Every method raises ``GatewayError`` and nothing else."""

    def is_healthy(self) -> bool: ...

    def ensure_pool(
        self, name: str, *, concurrency_limit: int, is_paused: bool, description: str = ""
    ) -> None:
        """Create the process pool, or bring limit, pause and job template up to date."""
        ...

    def pool_status(self, name: str) -> PoolStatus: ...

    def workers(self, pool: str) -> Sequence[Worker]: ...

    def upsert_deployment(self, spec: DeploymentSpec) -> Deployment:
        """One HTTP call (two on the first ever), one more when it has an active schedule.

        Same name → same id. Runs that the old schedules had planned are gone afterwards.
        """
        ...

    def set_deployment_paused(self, deployment_id: UUID, is_paused: bool) -> None: ...

    def delete_deployment(self, deployment_id: UUID) -> None:
        """Gone afterwards, also when it was not there before."""
        ...

    def find_deployments(self, tag: str) -> Sequence[Deployment]: ...

    def create_run(
        self,
        deployment_id: UUID,
        *,
        parameters: Mapping[str, Any] | None = None,
        idempotency_key: str = "",
        tags: Sequence[str] = (),
    ) -> FlowRun:
        """Start a run now. Equal keys give the same run.

        ``parameters`` are the flow's own (``{"parameters": {…overrides}}``); those not
        given stay the deployment's.
        """
        ...

    def cancel_run(self, flow_run_id: UUID) -> None:
        """Ask for cancellation; a run that has ended stays as it is."""
        ...

    def delete_runs(self, flow_run_ids: Sequence[UUID]) -> None:
        """Forget these runs, at most 200, with their task runs and logs.

        Unknown ones are passed over.
        """
        ...

    def kept(self) -> Kept:
        """Of all that Prefect knows, ours or not."""
        ...

    def crash_run(self, flow_run_id: UUID, message: str) -> bool:
        """Force a run that died silently into CRASHED; False when it had ended."""
        ...

    def end_cancel(self, flow_run_id: UUID, message: str) -> bool:
        """Force a run stuck in cancellation into CANCELLED; False when it had ended."""
        ...

    def heard_from(self, flow_run_ids: Sequence[UUID], since: datetime) -> Set[UUID]:
        """Those of the runs whose process gave a sign of life at or after ``since``."""
        ...

    def ensure_zombie_automation(self) -> None:
        """Let Prefect crash runs whose heartbeat stops; as often called, there is one."""
        ...

    def run(self, flow_run_id: UUID) -> FlowRun: ...

    def runs(
        self,
        *,
        ids: Sequence[UUID] = (),
        tag: str = "",
        states: Sequence[str] = (),
        since: datetime | None = None,
        limit: int = 200,
    ) -> Sequence[FlowRun]:
        """Newest expected first. ``since`` = expected start at or after."""
        ...

    def task_runs(self, flow_run_ids: Sequence[UUID]) -> Sequence[TaskRun]:
        """All task runs of these runs, page after page."""
        ...

    def logs(
        self,
        flow_run_ids: Sequence[UUID],
        *,
        since: datetime | None = None,
        offset: int = 0,
        limit: int = 200,
        newest_first: bool = False,
    ) -> Sequence[LogLine]:
        """``since`` = written at or after. Lines of one moment may come in any order."""
        ...

    def node_sample(self, flow_run_id: UUID, node: str) -> Mapping[str, Any] | None:
        """The latest that the run has sent of a node's rows; None where there is nothing.

        As ``engine.samples.sample.Sample`` has it in JSON.
        """
        ...
