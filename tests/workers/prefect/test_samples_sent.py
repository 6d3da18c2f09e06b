"""What a run sends of its rows, read back from a real server."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from engine.samples.sample import Sample
from engine.samples.sample_sender import SampleSender
from engine.schema import Column
from workers.prefect.client import HttpGateway
from workers.prefect.gateway import Gateway

SAMPLE = Sample((Column("id", "BIGINT"),), (("1",), (None,)))


def named(value: str) -> Sample:
    return Sample((Column("id", "VARCHAR"),), ((value,),))


@pytest.fixture
def flow_run(prefect_server: str) -> UUID:
    """A flow run of nobody's, for artifacts to belong to."""
    flow = httpx.post(f"{prefect_server}/flows/", json={"name": "run-workflow"}).json()
    body: dict[str, Any] = {"flow_id": flow["id"], "state": {"type": "RUNNING"}}
    return UUID(httpx.post(f"{prefect_server}/flow_runs/", json=body).json()["id"])


def send(flow_run: UUID, *samples: dict[str, Sample]) -> None:
    sender = SampleSender(str(flow_run))
    wanted = sender.wanted()
    assert wanted
    with sender:
        for some in samples:
            wanted.tell(some)


def test_a_sample_arrives_whole(flow_run: UUID, http_gateway: HttpGateway) -> None:
    send(flow_run, {"read": SAMPLE, "a 'b'": named("é")})
    assert http_gateway.node_sample(flow_run, "read") == SAMPLE.as_json()
    assert http_gateway.node_sample(flow_run, "a 'b'") == named("é").as_json()


def test_of_several_samples_the_latest_counts(flow_run: UUID, http_gateway: HttpGateway) -> None:
    send(flow_run, {"read": named("old")}, {"read": named("new")})
    found = http_gateway.node_sample(flow_run, "read")
    assert found
    assert Sample.of_json(found) == named("new")


def test_large_samples_travel_in_parts(flow_run: UUID, http_gateway: HttpGateway) -> None:
    send(flow_run, {f"n{i}": named("x" * 15_000) for i in range(20)})
    assert http_gateway.node_sample(flow_run, "n19") == named("x" * 15_000).as_json()


def test_a_node_of_which_nothing_was_sent_has_none(gateway: Gateway) -> None:
    assert gateway.node_sample(uuid4(), "read") is None


def test_samples_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWADMIN_SAMPLE_ROWS", "0")
    assert SampleSender("r").wanted() is None


def test_a_server_that_is_away_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    send(uuid4(), {"read": SAMPLE})
