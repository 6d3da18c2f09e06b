"""A real worker, on a real Prefect server, moving real rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from waiting import wait_for
from warm_worker import (
    Bench,
    below,
    is_alive,
    make_bench,
    only,
    plan_of,
    pool_process,
    run_process,
    running_worker,
    source,
    target,
)

from engine.plan import Schedule
from engine.sealing import seal
from workers.prefect.client import HttpGateway
from workers.prefect.gateway import FlowRun, LogLine, TaskRun

SLOW = "select id from slow"
QUICK = "select id from numbers"


@pytest.fixture
def bench(prefect_server: str, make_database: Callable[[], str], tmp_path: Path) -> Iterator[Bench]:
    gateway = HttpGateway(prefect_server)
    database = make_database()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("create table loaded (id bigint)")
        connection.execute("create table numbers as select id from generate_series(1, 5) id")
        connection.execute("create view slow as select 1 as id from pg_sleep(60)")
        connection.execute("create view second as select 1 as id from pg_sleep(1)")
        connection.execute(
            "create view slow_rows as select id from generate_series(1, 40) id, pg_sleep(2)"
        )
    yield make_bench(gateway, database, tmp_path)
    gateway.close()


@pytest.fixture
def worker(bench: Bench, prefect_server: str) -> Iterator[psutil.Process]:
    with running_worker(prefect_server, bench) as process:
        yield process


def loaded(bench: Bench) -> list[int]:
    with psycopg.connect(bench.database) as connection:
        return [row[0] for row in connection.execute("select id from loaded order by id")]


def test_a_run_moves_rows_and_says_so_by_node(bench: Bench, worker: psutil.Process) -> None:
    steps = (source(QUICK), only("id > 2", "orders"), target("loaded", "filter"))
    run = bench.start(bench.plan(*steps))

    assert bench.wait(run.id).state == "COMPLETED"
    assert loaded(bench) == [3, 4, 5]
    nodes = bench.nodes(run.id, 3)
    assert '"rows_in":5,"rows_out":3' in nodes["filter"].message
    lines = wait_for("logs", lambda: of_node(bench.gateway.logs([run.id]), nodes["filter"]))
    assert any("'filter' ended: 5 rows in, 3 rows out" in line.message for line in lines)
    assert not any("Finished in state" in line.message for line in lines)


def test_a_run_leaves_some_rows_of_each_node_to_show(bench: Bench, worker: psutil.Process) -> None:
    steps = (source(QUICK), only("id > 2", "orders"), target("loaded", "filter"))
    run = bench.start(bench.plan(*steps))

    assert bench.wait(run.id).state == "COMPLETED"
    for node in ("filter", "load"):
        sample = bench.gateway.node_sample(run.id, node)
        assert sample
        assert sorted(sample["rows"]) == [["3"], ["4"], ["5"]]


def of_node(lines: Sequence[LogLine], node: TaskRun) -> list[LogLine]:
    return [line for line in lines if line.task_run_id == node.id]


def test_a_failed_node_fails_the_run_and_skips_what_follows(
    bench: Bench, worker: psutil.Process
) -> None:
    plan = bench.plan(source("select 1 / 0 as id"), target("loaded", "orders"))
    run = bench.start(plan)

    ended = bench.wait(run.id)

    assert ended.state == "FAILED"
    assert "node 'orders': " in ended.message
    nodes = bench.nodes(run.id, 2)
    assert nodes["orders"].message == ended.message
    assert (nodes["load"].state, nodes["load"].state_name) == ("CANCELLED", "Skipped")


#: Refuses rows at the first attempt; a sequence remembers what a transaction undid.
FAILS_ONCE = """
    create sequence attempts;
    create function fail_once() returns trigger language plpgsql as $$ begin
        if nextval('attempts') = 1 then
            raise exception 'not yet' using errcode = 'serialization_failure';
        end if;
        return null;
    end $$;
    create trigger fail_once before insert on loaded execute function fail_once();
"""


def test_a_node_that_fails_for_a_moment_is_tried_again(
    bench: Bench, worker: psutil.Process
) -> None:
    with psycopg.connect(bench.database, autocommit=True) as connection:
        connection.execute(FAILS_ONCE)
    load = {**target("loaded", "orders"), "retries": 1, "retry_delay_seconds": 0}
    run = bench.start(bench.plan(source(QUICK), load))

    assert bench.wait(run.id).state == "COMPLETED"
    assert loaded(bench) == [1, 2, 3, 4, 5]


def test_the_last_of_several_attempts_says_why_it_failed(
    bench: Bench, worker: psutil.Process
) -> None:
    load = {**target("loaded", "orders"), "retries": 1, "retry_delay_seconds": 0}
    plan = bench.plan(source(QUICK), load)
    plan["connections"]["shop"]["options"]["port"] = 1
    ended = bench.wait(bench.start(plan).id)

    assert ended.message.startswith("E_UNREACHABLE: node 'orders'")


def test_a_plan_that_cannot_be_read_fails_the_run_with_a_reason(
    bench: Bench, worker: psutil.Process
) -> None:
    ended = bench.wait(bench.start({"steps": 3}).id)

    assert ended.state == "FAILED"
    assert ended.message.startswith("E_PLAN: the plan cannot be read at 'Plan.workflow_id'")


def test_a_canceled_run_ends_within_seconds(bench: Bench, worker: psutil.Process) -> None:
    run = bench.start(bench.plan(source(SLOW), target("loaded", "orders")))
    bench.wait(run.id, "RUNNING")
    wait_for("the query runs", lambda: sleeping(bench))

    bench.gateway.cancel_run(run.id)

    assert bench.wait(run.id, "CANCELLED", seconds=8)
    wait_for("the query is gone", lambda: not sleeping(bench))
    assert loaded(bench) == []


def test_a_killed_run_is_crashed_at_once(bench: Bench, worker: psutil.Process) -> None:
    run = bench.start(bench.plan(source(SLOW), target("loaded", "orders")))
    bench.wait(run.id, "RUNNING")

    run_process(worker).kill()

    assert "SIGKILL" in bench.wait(run.id, "CRASHED", seconds=5).message


def test_a_killed_pool_process_takes_its_runs_along_and_comes_back(
    bench: Bench, worker: psutil.Process
) -> None:
    run = bench.start(bench.plan(source(SLOW), target("loaded", "orders")))
    bench.wait(run.id, "RUNNING")

    pool_process(worker).kill()

    assert bench.wait(run.id, "CRASHED", seconds=8)
    again = bench.start(bench.plan(source(QUICK), target("loaded", "orders")))
    assert bench.wait(again.id).state == "COMPLETED"


def test_a_killed_worker_leaves_no_process_and_no_row_twice(
    bench: Bench, prefect_server: str
) -> None:
    plan = bench.plan(source("select id from slow_rows"), target("loaded", "orders"))
    with running_worker(prefect_server, bench) as worker:
        run = bench.start(plan)
        bench.wait(run.id, "RUNNING")
        wait_for("the load runs", lambda: sleeping(bench))
        family = below(worker)

        worker.kill()

        wait_for("all are gone", lambda: not any(is_alive(one) for one in family))
        assert len(family) == 3
    bench.gateway.crash_run(run.id, "its worker was killed")
    with running_worker(prefect_server, bench):
        assert bench.wait(bench.start(plan).id).state == "COMPLETED"
    assert loaded(bench) == list(range(1, 41))


def test_sigterm_ends_runs_with_a_reason_and_leaves_nothing(
    bench: Bench, prefect_server: str
) -> None:
    with running_worker(prefect_server, bench) as worker:
        run = bench.start(bench.plan(source(SLOW), target("loaded", "orders")))
        bench.wait(run.id, "RUNNING")
    assert "terminat" in bench.wait(run.id, "CRASHED", seconds=1).message
    assert not is_alive(worker)


def test_no_process_of_a_worker_sees_the_webs_secrets(bench: Bench, prefect_server: str) -> None:
    secrets = {"FLOWADMIN_SECRET_KEY": "canary", "DATABASE_URL": "postgresql://u:canary@h/d"}
    with running_worker(prefect_server, bench, **secrets) as worker:
        run = bench.start(bench.plan(source(SLOW), target("loaded", "orders")))
        bench.wait(run.id, "RUNNING")
        run_process(worker)

        seen = [str(process.environ()) for process in below(worker)]

        bench.gateway.cancel_run(run.id)
        bench.wait(run.id)
    assert len(seen) == 3
    assert not any("canary" in environment for environment in seen)


@pytest.mark.parametrize("wrong", [{}, {"port": 1}], ids=["password", "port"])
def test_a_run_that_cannot_connect_tells_its_password_nowhere(
    bench: Bench, worker: psutil.Process, prefect_server: str, wrong: dict[str, int]
) -> None:
    sealed = seal(bench.public_key, {"password": "canary"})
    plan = plan_of(bench.database, source(QUICK), target("loaded", "orders"), sealed=sealed)
    plan["connections"]["shop"]["options"] |= wrong
    run = bench.start(plan)

    assert "node 'orders': " in bench.wait(run.id).message
    wait_for("the failure is logged", lambda: "orders" in str(bench.gateway.logs([run.id])))
    told = wait_for("the end is an event", lambda: told_of(run, prefect_server))

    assert sealed in told["flow_runs"]
    assert [place for place, text in told.items() if "canary" in text] == []


def told_of(run: FlowRun, prefect_server: str) -> dict[str, str]:
    """All that Prefect tells of a run, by place; empty until it knows of the run's end."""
    by_run = {"flow_runs": {"id": {"any_": [str(run.id)]}}}
    asked = {
        "flow_runs": by_run,
        "task_runs": by_run,
        "artifacts": by_run,
        "deployments": by_run,
        "logs": {"logs": {"flow_run_id": {"any_": [str(run.id)]}}},
        "events": {"filter": {"any_resource": {"id": [f"prefect.flow-run.{run.id}"]}}},
    }
    told = {}
    for place, body in asked.items():
        answer = httpx.post(f"{prefect_server}/{place}/filter", json=body)
        told[place] = answer.raise_for_status().text
    return told if "prefect.flow-run.Failed" in told["events"] else {}


def test_prefect_keeps_the_pools_limit(bench: Bench, worker: psutil.Process) -> None:
    plan = bench.plan(source("select id from second"), target("loaded", "orders"))
    runs = [bench.start(plan) for _ in range(5)]
    most = 0

    def all_ended() -> bool:
        nonlocal most
        found = bench.gateway.runs(ids=[run.id for run in runs])
        most = max(most, sum(run.state in {"PENDING", "RUNNING"} for run in found))
        return all(run.state == "COMPLETED" for run in found)

    wait_for("five runs completed", all_ended)
    assert most == 2


def test_a_cron_schedule_fires_and_its_run_completes(bench: Bench, worker: psutil.Process) -> None:
    plan = bench.plan(source(QUICK), target("loaded", "orders"))
    bench.deploy(plan, (Schedule(slug="often", cron="* * * * *", timezone="Asia/Kolkata"),))

    def completed() -> bool:
        runs = bench.gateway.runs(tag=bench.pool, states=["COMPLETED"])
        return any(run.is_scheduled for run in runs)

    wait_for("a scheduled run completed", completed, 80)
    assert loaded(bench) == [1, 2, 3, 4, 5]


def sleeping(bench: Bench) -> bool:
    """Whether a query of the bench's database waits in ``pg_sleep``."""
    with psycopg.connect(bench.database) as connection:
        found = connection.execute(
            "select 1 from pg_stat_activity where datname = current_database()"
            " and wait_event = 'PgSleep'"
        )
        return found.fetchone() is not None


def test_another_process_goes_on_from_the_failed_node(
    bench: Bench, prefect_server: str, tmp_path: Path
) -> None:
    with psycopg.connect(bench.database, autocommit=True) as connection:
        connection.execute("create table strict (id bigint check (id < 5))")
    steps = (
        source(QUICK),
        only("id > 1", "orders"),
        target("loaded", "filter"),
        target("strict", "filter", key="strict"),
    )
    plan = bench.plan(*steps)
    kept = {"FLOWADMIN_CHECKPOINTS": str(tmp_path / "kept")}
    with running_worker(prefect_server, bench, **kept):
        first = bench.start(plan)
        assert bench.wait(first.id).state == "FAILED"
    with psycopg.connect(bench.database, autocommit=True) as connection:
        connection.execute("alter table strict drop constraint strict_id_check")
        connection.execute("delete from numbers")
    restart = {
        "root": str(first.id),
        "done": ["orders", "filter", "load"],
        "loads": dict.fromkeys(("load", "strict"), str(first.id)),
    }
    with running_worker(prefect_server, bench, **kept):
        second = bench.gateway.create_run(bench.deploy(plan).id, parameters={"restart": restart})
        assert bench.wait(second.id).state == "COMPLETED"
    assert loaded(bench) == [2, 3, 4, 5]
    nodes = bench.nodes(second.id, 4)
    assert {n.name for n in nodes.values() if n.state_name == "Reused"} == {*restart["done"]}
    assert '"rows_in":4,"rows_out":4' in nodes["strict"].message


def test_no_process_of_a_worker_shows_secrets_in_its_environment(
    bench: Bench, prefect_server: str
) -> None:
    secret = {"PREFECT_API_AUTH_STRING": "flowadmin:canary", "FLOWADMIN_SECRET_KEYS": "canary"}
    with running_worker(prefect_server, bench, **secret) as worker:
        run = bench.start(bench.plan(source(SLOW), target("loaded", "orders")))
        bench.wait(run.id, "RUNNING")
        environments = [process.environ() for process in [worker, *worker.children()]]
        assert len(environments) == 3
        assert not [one for one in environments if "canary" in str(one)]
        bench.gateway.cancel_run(run.id)
        bench.wait(run.id)


def test_a_run_that_needs_too_much_memory_fails_and_the_next_one_runs(
    bench: Bench, worker: psutil.Process
) -> None:
    columns = [{"name": "id", "expression": "length(repeat(word, 3000))"}]
    grow = {"key": "grow", "kind": "expression", "config": {"columns": columns}}
    steps = (
        source("select repeat('x', 1000000) as word"),
        {**grow, "inputs": [{"port": "in", "step": "orders"}]},
        target("loaded", "grow"),
    )
    failed = bench.wait(bench.start(bench.plan(*steps)).id)
    assert failed.message.startswith("E_MEMORY: node 'grow': it needs more memory")
    again = bench.start(bench.plan(source(QUICK), target("loaded", "orders")))
    assert bench.wait(again.id).state == "COMPLETED"


def test_a_run_that_takes_too_long_is_stopped_with_its_query(
    bench: Bench, worker: psutil.Process
) -> None:
    plan = bench.plan(source(SLOW), target("loaded", "orders"))
    failed = bench.wait(bench.start({**plan, "timeout_seconds": 1}).id)
    assert failed.state == "FAILED"
    assert (
        "E_TIMEOUT: node 'orders'" in failed.message or "E_TIMEOUT: node 'load'" in failed.message
    )
    assert "longer than its limit of 1 s" in failed.message


@pytest.mark.slow
def test_a_process_that_does_not_stop_at_its_limit_is_killed_and_its_node_named(
    bench: Bench, worker: psutil.Process
) -> None:
    plan = bench.plan(source(SLOW), target("loaded", "orders"))
    run = bench.start({**plan, "timeout_seconds": 10})
    bench.wait(run.id, "RUNNING")
    tasks = bench.gateway.task_runs
    wait_for("its nodes run", lambda: [t.state for t in tasks([run.id])].count("RUNNING") == 2)
    run_process(worker).suspend()
    failed = bench.wait(run.id, seconds=120)
    assert failed.state == "FAILED"
    assert failed.message.startswith("E_TIMEOUT: node 'load': the run took longer than its limit")


def test_a_process_that_does_not_hear_is_killed_when_its_run_is_canceled(
    bench: Bench, worker: psutil.Process
) -> None:
    run = bench.start(bench.plan(source(SLOW), target("loaded", "orders")))
    bench.wait(run.id, "RUNNING")
    run_process(worker).suspend()
    bench.gateway.cancel_run(run.id)
    assert bench.wait(run.id).state == "CANCELLED"
    wait_for("its process is gone", lambda: len(worker.children()) == 1)
