"""Whatever happens to a load, running it again leaves each row once.

``FLOWADMIN_KILLS`` says how many runs are killed in each of five modes; 40 if it is not set. With
several sessions it is a quarter of them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from disturbing import kill_and_repeat
from pipelines import Databases, Rows, plan, secrets, source, target, transform
from runner import ROOT, Runner

from engine.interpreter import run
from engine.plan import Plan

KILLS = int(os.environ.get("FLOWADMIN_KILLS", 40))
ROWS = 30_000
MODES = ["append", "replace", "upsert", "delete_insert"]
#: Appends what is above the watermark, which moves with the load.
INCREMENTAL = "incremental"
#: Appends what three sessions read side by side.
PARALLEL = "parallel"
KEYED = ("upsert", "delete_insert")

#: A row that has to wait until this lock is free holds up the load in its middle.
GATE = 4711
GATED = f"""
create function wait_at_gate() returns trigger language plpgsql as $$ begin
  if new.id = {ROWS // 2 + 1} then perform pg_advisory_xact_lock({GATE}); end if;
  return new;
end $$;
create trigger gate before insert on t for each row execute function wait_at_gate()
"""


#: In the middle of a load, what PostgreSQL says when its disk is full.
FULL = f"""
create function fill_disk() returns trigger language plpgsql as $$ begin
  if new.id = {ROWS // 2 + 1} then
    raise exception 'could not extend file: No space left on device' using errcode = '53100';
  end if;
  return new;
end $$;
create trigger full_disk before insert on t for each row execute function fill_disk()
"""


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    runner = Runner()
    yield runner
    runner.close()


def pipeline(databases: Databases, mode: str) -> Plan:
    databases.in_source(
        f"create table s as select i as id, md5(i::text) as word from generate_series(1, {ROWS}) i"
    )
    databases.in_target("create table t (id int, word text check (word <> 'forbidden'))")
    if mode in KEYED:
        databases.in_target("alter table t add primary key (id)")
    keys = {"keys": ["id"]} if mode in KEYED else {}
    new = {INCREMENTAL: {"incremental": {"column": "id"}}, PARALLEL: {"sessions": 3}}.get(mode, {})
    written = "append" if new else mode
    steps = [
        source("read", "s", **new),
        transform("keep", "filter", "read", condition="id % 3 <> 0"),
        target("write", "t", "keep", written, config=keys, retries=1, retry_delay_seconds=0),
    ]
    return plan(steps, databases.connections())


def fill(databases: Databases) -> None:
    """Rows from before the run; each mode does something else with them. None is read yet."""
    databases.in_target(
        "truncate t",
        "insert into t select i, 'old' from generate_series(1, 9) i",
        "do $$ begin delete from flowadmin.watermark; "
        "exception when undefined_table or invalid_schema_name then null; end $$",
    )


def content(databases: Databases) -> Rows:
    """The rows of the table, as one; the watermark is in step with them."""
    rows = databases.in_target("select count(*), sum(hashtextextended(t::text, 0)) from t")
    if databases.in_target("select to_regclass('flowadmin.watermark')") != [(None,)]:
        marks = databases.in_target("select value from flowadmin.watermark")
        is_loaded = rows != before(databases)
        assert marks == ([(str(ROWS),)] if is_loaded else [])
    return rows


def before(databases: Databases) -> Rows:
    return databases.in_target(
        "select count(*), sum(hashtextextended((i, 'old'::text)::text, 0)) "
        "from generate_series(1, 9) i"
    )


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", [*MODES, INCREMENTAL, PARALLEL])
def test_a_killed_run_that_is_run_again_loads_each_row_once(
    databases: Databases, runner: Runner, mode: str
) -> None:
    made = pipeline(databases, mode)
    kill_and_repeat(
        runner,
        made,
        lambda: fill(databases),
        lambda: content(databases),
        kills=KILLS // 4 if mode == PARALLEL else KILLS,
        seed=f"exactly once, {mode}",
    )


@pytest.mark.parametrize("mode", MODES)
def test_a_load_whose_connection_is_cut_is_retried_from_the_start(
    databases: Databases, mode: str
) -> None:
    made = pipeline(databases, mode)
    fill(databases)
    run(made, run_id="undisturbed", secrets=secrets).raise_failure()
    undisturbed = content(databases)
    fill(databases)
    databases.in_target(GATED)
    with ThreadPoolExecutor(1) as threads, psycopg.connect(databases.target_url) as gate:
        gate.execute("select pg_advisory_xact_lock(%s)", [GATE])
        running = threads.submit(run, made, run_id="cut", secrets=secrets)
        cut_who_waits(databases)
        assert content(databases) == before(databases)
        gate.rollback()
        running.result().raise_failure()
    assert content(databases) == undisturbed


def cut_who_waits(databases: Databases) -> None:
    """End the session that waits at the gate, as soon as there is one."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        cut = databases.in_target(
            "select pg_terminate_backend(pid) from pg_locks "
            f"where locktype = 'advisory' and objid = {GATE} and not granted"
        )
        if cut:
            return
    raise AssertionError("no load came to the gate")


@pytest.mark.parametrize("mode", MODES)
def test_a_last_row_that_is_refused_leaves_the_table_as_it_was(
    databases: Databases, mode: str
) -> None:
    made = pipeline(databases, mode)
    databases.in_source(f"insert into s values ({ROWS + 1}, 'forbidden')")
    fill(databases)
    (failure,) = run(made, run_id="r", secrets=secrets).failures
    assert failure.code == "E_LOAD_CONSTRAINT"
    assert "constraint 't_word_check'" in failure.message
    assert content(databases) == before(databases)
    assert databases.in_target("select * from flowadmin.load_ledger") == []


KILLED_AFTER_COMMIT = """
import json, os, signal, sys
from engine.execution.loading import Loading
from engine.interpreter import run
from engine.plan import Plan
load = Loading.load
def load_and_die(*arguments):
    load(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
Loading.load = load_and_die
secrets = lambda connection: {"password": connection.sealed}
run(Plan.model_validate(json.loads(sys.stdin.read())), run_id="r", secrets=secrets)
"""


@pytest.mark.parametrize("mode", [*MODES, INCREMENTAL])
def test_a_load_that_was_committed_and_not_reported_is_not_repeated(
    databases: Databases, mode: str
) -> None:
    made = pipeline(databases, mode)
    fill(databases)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AFTER_COMMIT],
        input=made.model_dump_json(),
        text=True,
        cwd=ROOT,
    )
    assert killed.returncode == -signal.SIGKILL
    loaded = content(databases)
    assert loaded != before(databases)
    run(made, run_id="r", secrets=secrets).raise_failure()
    assert content(databases) == loaded


@pytest.mark.parametrize("mode", MODES)
def test_a_target_whose_disk_is_full_keeps_its_rows_and_is_loaded_later(
    databases: Databases, mode: str
) -> None:
    made = pipeline(databases, mode)
    fill(databases)
    databases.in_target(FULL)
    (failure,) = run(made, run_id="r", secrets=secrets).failures
    assert "No space left" in failure.message
    assert content(databases) == before(databases)
    databases.in_target("drop trigger full_disk on t")
    run(made, run_id="r", secrets=secrets).raise_failure()
    loaded = content(databases)
    fill(databases)
    run(made, run_id="undisturbed", secrets=secrets).raise_failure()
    assert content(databases) == loaded
