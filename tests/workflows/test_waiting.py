from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from factories import MembershipFactory, RunFactory

from workers.models import Pool, PoolSample
from workers.provisioning import ensure_pools
from workers.reconciling import sample_pools
from workflows.models import Role, Run, RunState
from workflows.services import running
from workflows.services.observing import poll_active
from workflows.services.waiting import Obstacle, Occupancy, PoolNow, occupancy, waiting

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
IDLE = PoolNow(limit=2, is_paused=False, workers_online=1, heard_at=NOW)
HOME = "default-agent-pool"


def run(state: str = RunState.SCHEDULED, **given) -> Run:
    return RunFactory.build(workflow=None, pool="etl", state=state, created_at=NOW, **given)


def why(one: Run, holders: tuple[Run, ...] = (), **pool):
    return waiting(one, Occupancy({"etl": replace(IDLE, **pool)}, holders), NOW)


@pytest.mark.parametrize("state", ["RUNNING", "CANCELLING", "COMPLETED", "FAILED"])
def test_a_run_that_runs_or_has_ended_does_not_wait(state):
    assert why(run(state)) is None


def test_a_pool_that_is_paused():
    assert why(run(), is_paused=True).text == "pool 'etl' is paused; resume it"


def test_a_pool_without_a_worker():
    assert why(run(), workers_online=0).text == "no worker of pool 'etl' is online; start one"


def test_a_full_pool_names_the_runs_in_its_slots():
    here, elsewhere = [run("RUNNING"), run("PENDING")], RunFactory.build(workflow=None, pool="big")
    found = why(run(), holders=(*here, elsewhere))
    assert found.obstacle == Obstacle.POOL_FULL
    assert found.text == "pool 'etl' is full: 2 of 2 slots are taken"
    assert list(found.holders) == here


def test_a_pool_with_room_takes_the_run_soon():
    assert why(run(), holders=(run("RUNNING"),)).obstacle == Obstacle.NEXT


def test_a_pool_with_room_that_does_not_take_the_run_is_suspect():
    found = why(run(expected_at=NOW - timedelta(minutes=3)))
    assert found.obstacle == Obstacle.NOT_TAKEN
    assert "none of its workers has taken the run since 2026-03-01 11:57:00" in found.text


def test_the_limit_of_the_workflow_comes_before_its_pool():
    found = why(run(state_name="AwaitingConcurrencySlot"), is_paused=True)
    assert found.obstacle == Obstacle.CONCURRENCY_LIMIT


def test_a_later_start_says_when():
    at = NOW + timedelta(hours=2)
    found = why(run(expected_at=at), is_paused=True)
    assert (found.obstacle, found.until) == (Obstacle.SCHEDULED_LATER, at)
    assert found.text == "it is scheduled for 2026-03-01 14:00:00 UTC"


def test_silence_of_prefect_comes_before_what_was_last_heard():
    found = why(run(), heard_at=NOW - timedelta(minutes=3), workers_online=0)
    assert found.obstacle == Obstacle.PREFECT_AWAY
    assert "since 2026-03-01 11:57:00 UTC" in found.text


def test_a_pool_that_is_gone():
    assert waiting(run(), Occupancy({}, ()), NOW).obstacle == Obstacle.POOL_GONE


def test_a_run_that_a_worker_has_taken():
    assert why(run("PENDING"), is_paused=True).obstacle == Obstacle.STARTING


def test_a_run_that_is_paused_itself():
    assert why(run("PAUSED")).obstacle == Obstacle.RUN_PAUSED


@pytest.fixture
def started(db, registered, prefect):
    """Three runs in a pool of two slots, of which two run; all as Prefect tells."""
    Pool.objects.filter(name=HOME).update(concurrency_limit=2)
    ensure_pools()
    runs = [running.run_now(workflow=registered) for _ in range(2)]
    for one in runs:
        prefect.advance(one.pk, "RUNNING")
    late = prefect.create_run(registered.registration.deployment_id)
    runs.append(running.mirror.apply_flow_run(late))
    sample_pools()
    poll_active()
    return runs


def reason_of(one: Run):
    return waiting(one, occupancy(), datetime.now(UTC))


def test_what_prefect_says_of_a_full_pool(started):
    *busy, late = started
    found = reason_of(late)
    assert found.obstacle == Obstacle.POOL_FULL
    assert set(found.holders) == set(busy)


def test_what_prefect_says_of_a_pool_that_lost_its_worker(started, prefect):
    prefect.put_online(HOME, is_online=False)
    sample_pools()
    assert reason_of(started[-1]).obstacle == Obstacle.NO_WORKER


def test_what_prefect_does_not_say(started, prefect):
    prefect.go_down()
    PoolSample.objects.update(taken_at=datetime.now(UTC) - timedelta(minutes=5))
    assert reason_of(started[-1]).obstacle == Obstacle.PREFECT_AWAY


def test_a_slot_that_became_free(started, prefect):
    prefect.advance(started[0].pk, "COMPLETED")
    poll_active()
    assert reason_of(started[-1]).obstacle == Obstacle.NEXT


def test_a_pool_that_was_paused(started):
    Pool.objects.filter(name=HOME).update(is_paused=True)
    assert reason_of(started[-1]).obstacle == Obstacle.POOL_PAUSED


def test_runs_of_other_teams_are_not_named(started):
    *_, late = started
    stranger = MembershipFactory(role=Role.ADMIN).user
    member = MembershipFactory(team=late.workflow.team, role=Role.VIEWER).user
    found = reason_of(late)
    assert found.holders_seen_by(stranger) == []
    assert len(found.holders_seen_by(member)) == 2


def test_the_reasons_of_many_runs_cost_two_queries(started, django_assert_num_queries):
    with django_assert_num_queries(2):
        seen = occupancy()
        assert all(waiting(one, seen, NOW) for one in [started[-1]] * 5)
