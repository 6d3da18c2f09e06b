"""What every gateway promises: the one in memory, and HTTP against a real server."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from workers.prefect.client import PAGE, HttpGateway
from workers.prefect.gateway import (
    Deployment,
    Gateway,
    NotThere,
    PrefectRefused,
)
from workers.prefect.server import LARGE_PAGE

Deploy = Callable[..., Deployment]
NOBODY = uuid.UUID(int=0)


def test_a_gateway_says_that_prefect_is_healthy(gateway: Gateway) -> None:
    assert gateway.is_healthy()


def test_a_new_pool_is_empty(gateway: Gateway, pool: str) -> None:
    status = gateway.pool_status(pool)

    assert (status.concurrency_limit, status.active, status.queued) == (2, 0, 0)
    assert (status.is_paused, status.workers_online) == (False, 0)


def test_ensuring_a_pool_again_changes_it(gateway: Gateway, pool: str) -> None:
    gateway.ensure_pool(pool, concurrency_limit=7, is_paused=True)

    status = gateway.pool_status(pool)
    assert (status.concurrency_limit, status.is_paused) == (7, True)


def test_an_unknown_pool_is_not_there(gateway: Gateway) -> None:
    with pytest.raises(NotThere):
        gateway.pool_status("nowhere")


def test_an_upsert_keeps_the_id(gateway: Gateway, deploy: Deploy) -> None:
    first = deploy()

    again = deploy(is_paused=True)

    assert again.id == first.id
    assert again.is_paused


def test_an_upsert_without_pause_ends_the_pause(gateway: Gateway, deploy: Deploy) -> None:
    deploy(is_paused=True)

    assert deploy().is_paused is False


def test_a_deployment_moves_to_another_pool(gateway: Gateway, deploy: Deploy, pool: str) -> None:
    other = f"{pool}-b"
    gateway.ensure_pool(other, concurrency_limit=1, is_paused=False)
    deploy()

    assert deploy(pool=other).pool == other


def test_a_deployment_needs_its_pool(gateway: Gateway, deploy: Deploy) -> None:
    with pytest.raises(NotThere):
        deploy(pool="nowhere")


def test_deployments_are_found_by_tag(gateway: Gateway, deploy: Deploy, pool: str) -> None:
    made = deploy()

    assert [found.id for found in gateway.find_deployments(f"workflow:{pool}")] == [made.id]


def test_a_deployment_is_paused_and_resumed(gateway: Gateway, deploy: Deploy, pool: str) -> None:
    made = deploy()
    gateway.set_deployment_paused(made.id, True)
    assert gateway.find_deployments(f"workflow:{pool}")[0].is_paused

    gateway.set_deployment_paused(made.id, False)
    assert not gateway.find_deployments(f"workflow:{pool}")[0].is_paused


def test_deleting_twice_is_no_error(gateway: Gateway, deploy: Deploy, pool: str) -> None:
    made = deploy()

    gateway.delete_deployment(made.id)
    gateway.delete_deployment(made.id)

    assert gateway.find_deployments(f"workflow:{pool}") == []


def test_a_run_waits_in_the_pool_of_its_deployment(
    gateway: Gateway, deploy: Deploy, pool: str
) -> None:
    run = gateway.create_run(deploy(version="7").id, tags=["by-hand"])

    assert (run.state, run.pool, run.version) == ("SCHEDULED", pool, "7")
    assert {"flowadmin", "by-hand"} <= set(run.tags)
    assert not run.is_scheduled
    assert gateway.pool_status(pool).queued == 1


def test_a_runs_parameters_leave_the_plan_out(gateway: Gateway, deploy: Deploy) -> None:
    run = gateway.create_run(deploy().id, parameters={"parameters": {"day": "x"}})

    assert run.parameters == {"parameters": {"day": "x"}}


def test_equal_keys_give_the_same_run(gateway: Gateway, deploy: Deploy) -> None:
    made = deploy()

    first, second = (gateway.create_run(made.id, idempotency_key="k") for _ in range(2))

    assert first.id == second.id
    assert gateway.create_run(made.id).id != gateway.create_run(made.id).id


def test_a_run_of_no_deployment_is_not_there(gateway: Gateway) -> None:
    with pytest.raises(NotThere):
        gateway.create_run(NOBODY)


def test_a_waiting_run_is_canceled_at_once(gateway: Gateway, deploy: Deploy) -> None:
    run = gateway.create_run(deploy().id)

    gateway.cancel_run(run.id)

    assert gateway.run(run.id).state == "CANCELLED"


def test_runs_are_forgotten_and_unknown_ones_passed_over(gateway: Gateway, deploy: Deploy) -> None:
    deployment = deploy()
    gone, stays = gateway.create_run(deployment.id), gateway.create_run(deployment.id)

    gateway.delete_runs([gone.id, NOBODY])

    assert [run.id for run in gateway.runs(ids=[gone.id, stays.id])] == [stays.id]


def test_a_run_that_has_ended_stays_as_it_is(gateway: Gateway, deploy: Deploy) -> None:
    run = gateway.create_run(deploy().id)
    gateway.cancel_run(run.id)

    gateway.cancel_run(run.id)

    assert gateway.crash_run(run.id, "no") is False
    assert gateway.end_cancel(run.id, "no") is False
    assert gateway.run(run.id).state == "CANCELLED"


def test_a_silent_run_is_crashed_with_a_reason(gateway: Gateway, deploy: Deploy) -> None:
    run = gateway.create_run(deploy().id)

    assert gateway.crash_run(run.id, "no sign of life") is True

    crashed = gateway.run(run.id)
    assert (crashed.state, crashed.message) == ("CRASHED", "no sign of life")
    assert crashed.ended_at is not None


def test_an_unknown_run_is_not_there(gateway: Gateway) -> None:
    for ask in (gateway.run, gateway.cancel_run, lambda run: gateway.crash_run(run, "x")):
        with pytest.raises(NotThere):
            ask(NOBODY)


def test_not_there_is_a_refusal_that_no_retry_mends() -> None:
    assert issubclass(NotThere, PrefectRefused)
    assert NotThere.permanent


def test_runs_are_found_by_id_tag_state_and_time(
    gateway: Gateway, deploy: Deploy, pool: str
) -> None:
    made = deploy()
    older, newer = (gateway.create_run(made.id) for _ in range(2))
    gateway.cancel_run(older.id)
    tag = f"workflow:{pool}"

    assert [run.id for run in gateway.runs(tag=tag)] == [newer.id, older.id]
    assert [run.id for run in gateway.runs(ids=[older.id])] == [older.id]
    assert [run.id for run in gateway.runs(tag=tag, states=["SCHEDULED"])] == [newer.id]
    assert [run.id for run in gateway.runs(tag=tag, limit=1)] == [newer.id]
    assert gateway.runs(tag=tag, since=datetime.now(UTC) + timedelta(hours=1)) == []


def test_a_run_without_nodes_has_no_task_runs_and_no_logs(gateway: Gateway, deploy: Deploy) -> None:
    run = gateway.create_run(deploy().id)

    assert gateway.task_runs([run.id]) == []
    assert gateway.task_runs([]) == []
    assert gateway.logs([run.id]) == []


def test_logs_come_from_a_server_that_gives_small_answers_only(http_gateway: HttpGateway) -> None:
    http_gateway._lines_at_once = 100_000
    assert http_gateway.logs([NOBODY], limit=100_000) == []
    assert http_gateway._lines_at_once == PAGE


def test_our_server_gives_large_answers(http_gateway: HttpGateway) -> None:
    http_gateway.logs([NOBODY], limit=LARGE_PAGE)
    assert http_gateway._lines_at_once == LARGE_PAGE


def test_a_run_without_process_is_not_heard_from(gateway: Gateway, deploy: Deploy) -> None:
    run = gateway.create_run(deploy().id)

    assert gateway.heard_from([run.id], datetime.now(UTC) - timedelta(minutes=5)) == set()


def test_a_new_pool_has_no_workers(gateway: Gateway, pool: str) -> None:
    assert list(gateway.workers(pool)) == []


def test_what_is_kept_is_counted(gateway: Gateway, deploy: Deploy) -> None:
    before = gateway.kept()

    gateway.create_run(deploy().id)

    assert (gateway.kept().runs, gateway.kept().task_runs) == (before.runs + 1, before.task_runs)
