"""The automation on a real server: it is there once, and ends a run that fell silent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest
from waiting import wait_for

from workers.prefect import automation
from workers.prefect.client import HttpGateway
from workers.prefect.gateway import Deployment, Gateway


@pytest.fixture
def gateway(http_gateway: HttpGateway) -> Gateway:
    return http_gateway


@pytest.fixture
def server(prefect_server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=prefect_server) as client:
        yield client


def automations(server: httpx.Client) -> list[str]:
    wanted = {"automations": {"name": {"any_": [automation.ZOMBIES]}}}
    answer = server.post("/automations/filter", json=wanted).raise_for_status()
    return [found["name"] for found in answer.json()]


def beat_once(server: httpx.Client, flow_run_id: UUID) -> None:
    heartbeat = {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": automation.HEARTBEAT,
        "resource": {"prefect.resource.id": f"prefect.flow-run.{flow_run_id}"},
    }
    server.post("/events", json=[heartbeat]).raise_for_status()


def test_ensured_again_it_is_there_once(gateway: Gateway, server: httpx.Client) -> None:
    gateway.ensure_zombie_automation()
    gateway.ensure_zombie_automation()

    assert automations(server) == [automation.ZOMBIES]


@pytest.mark.slow
def test_a_run_that_falls_silent_has_crashed(
    gateway: Gateway,
    server: httpx.Client,
    deploy: Callable[..., Deployment],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The server takes no shorter time than ten seconds for what does not happen.
    monkeypatch.setattr(automation, "SILENCE_SECONDS", 10)
    gateway.ensure_zombie_automation()
    run = gateway.create_run(deploy().id)
    state = {"state": {"type": "RUNNING"}, "force": True}
    server.post(f"/flow_runs/{run.id}/set_state", json=state).raise_for_status()

    beat_once(server, run.id)

    wait_for("the run has crashed", lambda: gateway.run(run.id).state == "CRASHED", 120)
