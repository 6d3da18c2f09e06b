from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
import time_machine
from django.utils import timezone

from workers.models import Pool, PoolSample, WorkerSeen
from workers.prefect.current import use_gateway
from workers.prefect.gateway import DeploymentSpec, PrefectUnreachable
from workers.prefect.memory import InMemoryGateway
from workers.provisioning import ensure_pools
from workers.reconciling import SILENT_AT_MOST, crash_silent_runs, sample_pools

pytestmark = pytest.mark.django_db

POOL = "etl-pool"


@pytest.fixture
def prefect() -> Iterator[InMemoryGateway]:
    Pool.objects.update_or_create(name=POOL, defaults={"rank": 20, "concurrency_limit": 3})
    gateway = InMemoryGateway()
    with use_gateway(gateway):
        ensure_pools()
        yield gateway


def run_in(prefect: InMemoryGateway, state: str, seconds_ago: float = 0) -> UUID:
    spec = DeploymentSpec("wf", POOL, parameters={}, tags=("flowadmin",))
    run = prefect.create_run(prefect.upsert_deployment(spec).id)
    if state != "SCHEDULED":
        run = prefect.advance(run.id, state)
    then = timezone.now() - timedelta(seconds=seconds_ago)
    prefect.flow_runs[run.id] = replace(run, state_at=then)
    return run.id


def state_of(prefect: InMemoryGateway, run_id: UUID) -> str:
    return prefect.flow_runs[run_id].state


def test_a_run_nobody_started_is_crashed(prefect: InMemoryGateway) -> None:
    lost, fresh = run_in(prefect, "PENDING", 121), run_in(prefect, "PENDING", 100)

    assert crash_silent_runs() == [lost]
    assert (state_of(prefect, lost), state_of(prefect, fresh)) == ("CRASHED", "PENDING")


def test_a_run_that_does_not_stop_is_ended_as_canceled(prefect: InMemoryGateway) -> None:
    stuck, fresh = run_in(prefect, "CANCELLING", 61), run_in(prefect, "CANCELLING", 30)

    assert crash_silent_runs() == [stuck]
    assert (state_of(prefect, stuck), state_of(prefect, fresh)) == ("CANCELLED", "CANCELLING")


def test_a_silent_run_is_crashed_when_it_is_silent_again_later(prefect: InMemoryGateway) -> None:
    silent = run_in(prefect, "RUNNING", 300)

    assert crash_silent_runs() == []
    with time_machine.travel(timezone.now() + timedelta(seconds=41), tick=True):
        assert crash_silent_runs() == [silent]
    assert state_of(prefect, silent) == "CRASHED"


def test_a_run_heard_from_lately_goes_on(prefect: InMemoryGateway) -> None:
    alive = run_in(prefect, "RUNNING", 300)

    crash_silent_runs()
    with time_machine.travel(timezone.now() + timedelta(seconds=41), tick=True):
        prefect.beat(alive, timezone.now() - SILENT_AT_MOST / 2)
        assert crash_silent_runs() == []


def test_a_waiting_run_may_wait(prefect: InMemoryGateway) -> None:
    run_in(prefect, "SCHEDULED", 10_000)

    assert crash_silent_runs() == []


def test_a_sample_holds_load_and_workers(prefect: InMemoryGateway) -> None:
    prefect.put_online(POOL, "w1")
    run_in(prefect, "RUNNING")
    run_in(prefect, "SCHEDULED")

    sample_pools()

    sample = PoolSample.objects.get(pool__name=POOL)
    assert (sample.active, sample.queued, sample.workers_online) == (1, 1, 1)
    assert WorkerSeen.objects.get(name="w1").is_online


def test_a_worker_that_is_gone_is_seen_offline(prefect: InMemoryGateway) -> None:
    prefect.put_online(POOL, "w1")
    sample_pools()
    prefect.pools[POOL].workers.clear()

    sample_pools()

    assert not WorkerSeen.objects.get(name="w1").is_online


def test_without_prefect_nothing_is_sampled(prefect: InMemoryGateway) -> None:
    prefect.go_down()

    with pytest.raises(PrefectUnreachable):
        sample_pools()
    assert not PoolSample.objects.exists()
