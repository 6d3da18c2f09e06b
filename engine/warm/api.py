"""The few requests a pool's process makes of Prefect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

Json = dict[str, Any]


class PrefectApi:
    """Raises ``httpx.HTTPError`` when Prefect does not answer, or not as asked."""

    def __init__(self, api_url: str, auth_string: str = "") -> None:
        user, _, password = auth_string.partition(":")
        self._client = httpx.Client(
            base_url=api_url.rstrip("/"),
            auth=httpx.BasicAuth(user, password) if auth_string else None,
            timeout=httpx.Timeout(20, connect=3),
            trust_env=False,
            # Certificates to check others against take each pool 50 ms and some memory to load.
            verify=not api_url.startswith("http://"),
        )

    def beat(self, pool: str, worker: str, interval_seconds: int) -> None:
        """Tell that the pool's worker lives."""
        body = {"name": worker, "heartbeat_interval_seconds": interval_seconds}
        self._post(f"/work_pools/{pool}/workers/heartbeat", body)

    def due(self, pool: str, ahead_seconds: float) -> list[Json]:
        """Runs the pool has room for, due now or soon, the earliest first."""
        before = datetime.now(UTC) + timedelta(seconds=ahead_seconds)
        body = {"scheduled_before": before.isoformat()}
        found = self._post(f"/work_pools/{pool}/get_scheduled_flow_runs", body)
        return [entry["flow_run"] for entry in found]

    def take(self, run: str) -> Json | None:
        """Claim a run; its new state, None when somebody or something was faster."""
        answer = self.set_state(run, "PENDING")
        state: Json | None = answer.get("state")
        taken = answer["status"] == "ACCEPT" and state is not None and state["type"] == "PENDING"
        return state if taken else None

    def set_state(self, run: str, state: str, message: str = "") -> Json:
        body = {"state": {"type": state, "message": message or None}, "force": False}
        answer: Json = self._post(f"/flow_runs/{run}/set_state", body)
        return answer

    def canceling(self, runs: Sequence[str]) -> list[str]:
        """Those of the runs that somebody wants to end."""
        wanted = {"id": {"any_": list(runs)}, "state": {"type": {"any_": ["CANCELLING"]}}}
        found = self._post("/flow_runs/filter", {"flow_runs": wanted})
        return [run["id"] for run in found]

    def running_tasks(self, run: str) -> list[str]:
        """Names of the run's tasks that have begun and not ended."""
        running = {"state": {"type": {"any_": ["RUNNING"]}}}
        wanted = {"flow_runs": {"id": {"any_": [run]}}, "task_runs": running}
        return [task["name"] for task in self._post("/task_runs/filter", wanted)]

    def beat_for(self, runs: Mapping[str, str]) -> None:
        """Tell that the processes of these runs live; run → name."""
        self._post("/events", [_heartbeat(run, name) for run, name in runs.items()])

    def state(self, run: str) -> str:
        """Type of the run's state; empty when Prefect does not know the run any more."""
        response = self._client.get(f"/flow_runs/{run}")
        if response.status_code == httpx.codes.NOT_FOUND:
            return ""
        response.raise_for_status()
        return str(response.json()["state_type"])

    def _post(self, path: str, body: Json | list[Json]) -> Any:
        response = self._client.post(path, json=body)
        response.raise_for_status()
        return response.json() if response.content else None


def _heartbeat(run: str, name: str) -> Json:
    """The event that Prefect's own engine sends, and automations listen for."""
    return {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": "prefect.flow-run.heartbeat",
        "resource": {
            "prefect.resource.id": f"prefect.flow-run.{run}",
            "prefect.resource.name": name,
        },
    }
