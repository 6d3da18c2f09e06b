"""Whatever happens to a load inside its database, running it again leaves each row once.

``FLOWADMIN_KILLS`` says how many runs are killed in each of two modes; 8 if it is not set.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from disturbing import kill_and_repeat
from pipelines import Databases, Rows, connection, plan, secrets, source, target, transform
from runner import Runner

from engine.interpreter import run
from engine.plan import Plan

KILLS = int(os.environ.get("FLOWADMIN_KILLS", 8))
ROWS = 40_000
MODES = ["append", "replace"]
WAITING = "select pid from pg_stat_activity where wait_event_type = 'Lock' and state = 'active'"


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    runner = Runner()
    yield runner
    runner.close()


def pipeline(databases: Databases, mode: str) -> Plan:
    databases.in_source(
        f"create table s as select i as id, md5(i::text) as word from generate_series(1, {ROWS}) i",
        "create table t (id int primary key, word text check (word <> 'forbidden'))",
    )
    steps = [
        source("read", "s"),
        transform("keep", "filter", "read", condition="id <> 3"),
        target("write", "t", "keep", mode),
    ]
    one = connection(databases.source_url)
    return plan(steps, {"source": one, "target": one})


def fill(databases: Databases) -> None:
    databases.in_source("truncate t", "insert into t select -i, 'old' from generate_series(1, 9) i")


def content(databases: Databases) -> Rows:
    return databases.in_source("select count(*), sum(hashtextextended(t::text, 0)) from t")


def undisturbed(databases: Databases, made: Plan) -> Rows:
    fill(databases)
    outcome = run(made, run_id="alone", secrets=secrets)
    assert {node.is_inside for node in outcome.nodes.values()} == {True}
    return content(databases)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", MODES)
def test_a_run_killed_inside_and_run_again_loads_each_row_once(
    databases: Databases, runner: Runner, mode: str
) -> None:
    made = pipeline(databases, mode)
    undisturbed(databases, made)
    kill_and_repeat(
        runner,
        made,
        lambda: fill(databases),
        lambda: content(databases),
        kills=KILLS,
        seed=f"inside, {mode}",
    )


def test_a_load_inside_whose_connection_is_cut_is_done_once(databases: Databases) -> None:
    made = pipeline(databases, "append")
    expected = undisturbed(databases, made)
    fill(databases)
    before = content(databases)
    with ThreadPoolExecutor(1) as threads, psycopg.connect(databases.source_url) as other:
        other.execute("insert into t values (%s, 'in the way')", [ROWS // 2])
        running = threads.submit(run, made, run_id="cut", secrets=secrets)
        cut_who_waits(databases)
        assert content(databases) == before
        other.rollback()
        running.result().raise_failure()
    assert content(databases) == expected


def cut_who_waits(databases: Databases) -> None:
    """End the session that waits for another's row, as soon as there is one."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if databases.in_source(f"select pg_terminate_backend(pid) from ({WAITING}) as waiting"):
            return
    raise AssertionError("no load came to the row")


@pytest.mark.parametrize("mode", MODES)
def test_a_last_row_refused_inside_leaves_the_table_as_it_was(
    databases: Databases, mode: str
) -> None:
    made = pipeline(databases, mode)
    databases.in_source(f"insert into s values ({ROWS + 1}, 'forbidden')")
    fill(databases)
    before = content(databases)
    (failure,) = run(made, run_id="r", secrets=secrets).failures
    assert failure.code == "E_LOAD_CONSTRAINT"
    assert content(databases) == before
    assert databases.in_source("select * from flowadmin.load_ledger") == []
