"""The gateway over Prefect's HTTP API. Imports no Prefect: that takes seconds and 90 MB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from engine.samples.sample import ARTIFACT_TYPE
from workers.prefect.automation import HEARTBEAT, ZOMBIES, zombie_automation
from workers.prefect.gateway import (
    TERMINAL,
    Deployment,
    DeploymentSpec,
    FlowRun,
    Kept,
    LogLine,
    NotThere,
    PoolStatus,
    PrefectRefused,
    PrefectUnreachable,
    TaskRun,
    Worker,
)
from workers.prefect.server import LARGE_PAGE
from workers.prefect.transport import Transport
from workers.prefect.wire import (
    FLOW_NAME,
    deployment_body,
    deployment_of,
    flow_run_of,
    log_line_of,
    task_run_of,
    worker_of,
)

#: Prefect's cap on the rows of one answer, unless its server is told otherwise, as ours are.
PAGE = 200


class HttpGateway:
    """``Gateway`` on a real server; see there for what each method promises."""

    def __init__(self, api_url: str, auth_string: str = "") -> None:
        self._http = Transport(api_url, auth_string)
        self._flow_id = ""
        self._lines_at_once = LARGE_PAGE

    def close(self) -> None:
        self._http.close()

    def is_healthy(self) -> bool:
        try:
            return bool(self._http.get("/health"))
        except PrefectUnreachable:
            return False

    def ensure_pool(
        self, name: str, *, concurrency_limit: int, is_paused: bool, description: str = ""
    ) -> None:
        wanted = {
            "concurrency_limit": concurrency_limit,
            "is_paused": is_paused,
            "description": description,
        }
        try:
            self._http.send("PATCH", f"/work_pools/{name}", wanted, is_idempotent=True)
        except NotThere:
            self._http.send("POST", "/work_pools/", {"name": name, "type": "process", **wanted})

    def pool_status(self, name: str) -> PoolStatus:
        pool = self._http.get(f"/work_pools/{name}")
        waiting = {
            "operator": "and_",
            "state": {"type": {"any_": ["SCHEDULED"]}},
            "expected_start_time": {"before_": _now()},
        }
        in_pool = {"name": {"any_": [name]}}
        queued = self._http.find("/flow_runs/count", {"flow_runs": waiting, "work_pools": in_pool})
        return PoolStatus(
            name=name,
            concurrency_limit=pool["concurrency_limit"],
            active=pool["active_slots"],
            queued=queued,
            is_paused=pool["is_paused"],
            workers_online=sum(worker.is_online for worker in self.workers(name)),
        )

    def workers(self, pool: str) -> Sequence[Worker]:
        found = self._http.find(f"/work_pools/{pool}/workers/filter", {})
        return [worker_of(body, pool) for body in found]

    def upsert_deployment(self, spec: DeploymentSpec) -> Deployment:
        if not self._flow_id:
            flow = self._http.send("POST", "/flows/", {"name": FLOW_NAME}, is_idempotent=True)
            self._flow_id = flow["id"]
        body = deployment_body(spec, self._flow_id)
        made = self._http.send("POST", "/deployments/", body, is_idempotent=True)
        if not spec.is_paused and any(schedule.is_active for schedule in spec.schedules):
            # The scheduler would come by itself within 5 s and start from then: a moment
            # in between would be lost.
            self._http.send("POST", f"/deployments/{made['id']}/schedule", {}, is_idempotent=True)
        return deployment_of(made)

    def set_deployment_paused(self, deployment_id: UUID, is_paused: bool) -> None:
        change = "pause_deployment" if is_paused else "resume_deployment"
        self._http.send("POST", f"/deployments/{deployment_id}/{change}", is_idempotent=True)

    def delete_deployment(self, deployment_id: UUID) -> None:
        try:
            self._http.send("DELETE", f"/deployments/{deployment_id}", is_idempotent=True)
        except NotThere:
            return

    def find_deployments(self, tag: str) -> Sequence[Deployment]:
        wanted = {"deployments": {"tags": {"all_": [tag]}}}
        return [deployment_of(body) for body in self._pages("/deployments/filter", wanted)]

    def create_run(
        self,
        deployment_id: UUID,
        *,
        parameters: Mapping[str, Any] | None = None,
        idempotency_key: str = "",
        tags: Sequence[str] = (),
    ) -> FlowRun:
        body = {
            "parameters": dict(parameters or {}),
            "idempotency_key": idempotency_key or None,
            "tags": list(tags),
        }
        path = f"/deployments/{deployment_id}/create_flow_run"
        made = self._http.send("POST", path, body, is_idempotent=bool(idempotency_key))
        return flow_run_of(made)

    def cancel_run(self, flow_run_id: UUID) -> None:
        self._set_state(flow_run_id, "CANCELLING", "")

    def delete_runs(self, flow_run_ids: Sequence[UUID]) -> None:
        wanted = {"flow_runs": {"id": {"any_": [str(one) for one in flow_run_ids]}}}
        self._http.send("POST", "/flow_runs/bulk_delete", wanted, is_idempotent=True)

    def kept(self) -> Kept:
        runs, task_runs = (
            self._http.find(f"/{what}/count", {}) for what in ("flow_runs", "task_runs")
        )
        return Kept(runs, task_runs)

    def crash_run(self, flow_run_id: UUID, message: str) -> bool:
        return self._set_state(flow_run_id, "CRASHED", message)

    def end_cancel(self, flow_run_id: UUID, message: str) -> bool:
        # Prefect lets a run go from one end to this one: look first.
        if self.run(flow_run_id).state in TERMINAL:
            return False
        return self._set_state(flow_run_id, "CANCELLED", message)

    def heard_from(self, flow_run_ids: Sequence[UUID], since: datetime) -> Set[UUID]:
        heard: set[UUID] = set()
        for flow_run_id in flow_run_ids:
            wanted = {
                "occurred": {"since": since.isoformat(), "until": _now()},
                "event": {"name": [HEARTBEAT]},
                "resource": {"id": [f"prefect.flow-run.{flow_run_id}"]},
            }
            found = self._http.find("/events/filter", {"filter": wanted, "limit": 1})
            if found["events"]:
                heard.add(flow_run_id)
        return heard

    def ensure_zombie_automation(self) -> None:
        wanted = {"automations": {"name": {"any_": [ZOMBIES]}}}
        there = self._http.find("/automations/filter", wanted)
        for surplus in there[1:]:
            self._http.send("DELETE", f"/automations/{surplus['id']}", is_idempotent=True)
        if there:
            path = f"/automations/{there[0]['id']}"
            self._http.send("PUT", path, zombie_automation(), is_idempotent=True)
        else:
            self._http.send("POST", "/automations/", zombie_automation())

    def run(self, flow_run_id: UUID) -> FlowRun:
        return flow_run_of(self._http.get(f"/flow_runs/{flow_run_id}"))

    def runs(
        self,
        *,
        ids: Sequence[UUID] = (),
        tag: str = "",
        states: Sequence[str] = (),
        since: datetime | None = None,
        limit: int = PAGE,
    ) -> Sequence[FlowRun]:
        wanted: dict[str, Any] = {}
        if ids:
            wanted["id"] = {"any_": [str(one) for one in ids]}
        if tag:
            wanted["tags"] = {"all_": [tag]}
        if states:
            wanted["state"] = {"type": {"any_": list(states)}}
        if since is not None:
            wanted["expected_start_time"] = {"after_": since.isoformat()}
        body = {"flow_runs": wanted, "sort": "EXPECTED_START_TIME_DESC"}
        return [flow_run_of(run) for run in self._pages("/flow_runs/filter", body, most=limit)]

    def task_runs(self, flow_run_ids: Sequence[UUID]) -> Sequence[TaskRun]:
        if not flow_run_ids:
            return []
        wanted = {"flow_run_id": {"any_": [str(one) for one in flow_run_ids]}}
        body = {"task_runs": wanted, "sort": "ID_DESC"}
        return [task_run_of(task_run) for task_run in self._pages("/task_runs/filter", body)]

    def logs(
        self,
        flow_run_ids: Sequence[UUID],
        *,
        since: datetime | None = None,
        offset: int = 0,
        limit: int = PAGE,
        newest_first: bool = False,
    ) -> Sequence[LogLine]:
        wanted: dict[str, Any] = {"flow_run_id": {"any_": [str(one) for one in flow_run_ids]}}
        if since is not None:
            wanted["timestamp"] = {"after_": since.isoformat()}
        body = {"logs": wanted, "sort": f"TIMESTAMP_{'DESC' if newest_first else 'ASC'}"}
        return [log_line_of(line) for line in self._log_pages(body, offset, limit)]

    def _log_pages(self, body: dict[str, Any], offset: int, most: int) -> list[dict[str, Any]]:
        """In few answers, where the server gives large ones."""
        path, size = "/logs/filter", self._lines_at_once
        try:
            return list(self._pages(path, body, offset=offset, most=most, size=size))
        except PrefectRefused:
            if size == PAGE:
                raise
            self._lines_at_once = PAGE
            return self._log_pages(body, offset, most)

    def node_sample(self, flow_run_id: UUID, node: str) -> Mapping[str, Any] | None:
        wanted = {
            "flow_run_id": {"any_": [str(flow_run_id)]},
            "type": {"any_": [ARTIFACT_TYPE]},
        }
        body = {"artifacts": wanted, "sort": "CREATED_DESC"}
        sent = (artifact["data"] for artifact in self._pages("/artifacts/filter", body))
        return next((samples[node] for samples in sent if node in samples), None)

    def _set_state(self, flow_run_id: UUID, state: str, message: str) -> bool:
        """Whether Prefect took the state, or made the end of it that it saw fit."""
        body = {"state": {"type": state, "message": message or None}, "force": False}
        path = f"/flow_runs/{flow_run_id}/set_state"
        answer = self._http.send("POST", path, body, is_idempotent=True)
        return bool(answer["status"] == "ACCEPT")

    def _pages(
        self,
        path: str,
        body: dict[str, Any],
        *,
        offset: int = 0,
        most: int | None = None,
        size: int = PAGE,
    ) -> Iterator[dict[str, Any]]:
        """All rows of a filter, or the first ``most``, in as few calls of ``size`` as it takes."""
        left = most
        while left is None or left > 0:
            wanted = size if left is None else min(size, left)
            rows = self._http.find(path, {**body, "offset": offset, "limit": wanted})
            yield from rows
            if len(rows) < wanted:
                return
            offset += wanted
            left = None if left is None else left - wanted


def _now() -> str:
    return datetime.now(UTC).isoformat()
