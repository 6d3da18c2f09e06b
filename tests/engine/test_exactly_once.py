"""Whatever happens to a load, running it again leaves each row once.

Between two databases, and within one that the rows never leave. ``FLOWADMIN_KILLS`` says how many
runs are killed in each of five modes; 40 if it is not set. With several sessions, and within one
database, it is a quarter of them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from disturbing import kill_and_repeat
from pipelines import Databases, Rows, plan, secrets, source, target, transform
from runner import ROOT, Runner
from waiting import wait_for

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
BETWEEN, WITHIN = "between two databases", "within one database"
PLACES = [(mode, place) for place in (BETWEEN, WITHIN) for mode in (*MODES, INCREMENTAL)]

#: The key of a row that is in the way while nobody knows whether it will stay.
MIDDLE = ROWS // 2 + 1
WAITING = (
    "from pg_stat_activity where datname = current_database() "
    "and wait_event_type = 'Lock' and state = 'active'"
)

#: In the middle of a load, what PostgreSQL says when its disk is full.
FULL = f"""
create function fill_disk() returns trigger language plpgsql as $$ begin
  if new.id = {MIDDLE} then
    raise exception 'could not extend file: No space left on device' using errcode = '53100';
  end if;
  return new;
end $$;
create trigger full_disk before insert on t for each row execute function fill_disk()
"""


def at(place: str, databases: Databases) -> Databases:
    """Where rows go from and to; one database is both within one."""
    return Databases(databases.source_url, databases.source_url) if place == WITHIN else databases


def pipeline(databases: Databases, mode: str) -> Plan:
    databases.in_source(
        f"create table s as select i as id, md5(i::text) as word from generate_series(1, {ROWS}) i"
    )
    databases.in_target(
        "create table t (id int primary key, word text check (word <> 'forbidden'))"
    )
    keys = {"keys": ["id"]} if mode in KEYED else {}
    new = {INCREMENTAL: {"incremental": {"column": "id"}}, PARALLEL: {"sessions": 3}}.get(mode, {})
    written = "append" if new else mode
    steps = [
        source("read", "s", **new),
        transform("keep", "filter", "read", condition="id <> 3"),
        target("write", "t", "keep", written, config=keys, retries=1, retry_delay_seconds=0),
    ]
    return plan(steps, databases.connections())


def fill(databases: Databases, mode: str) -> None:
    """Rows from before the run; each mode does something else with them. None is read yet."""
    databases.in_target(
        "truncate t",
        f"insert into t select i, 'old' from {old(mode)} i",
        "do $$ begin delete from flowadmin.watermark; "
        "exception when undefined_table or invalid_schema_name then null; end $$",
    )


def old(mode: str) -> str:
    """Keys of those rows: some arrive again where that is no failure."""
    return f"generate_series(-9, {9 if mode in KEYED else -1})"


def content(databases: Databases, mode: str) -> Rows:
    """The rows of the table, as one; the watermark is in step with them."""
    rows = databases.in_target("select count(*), sum(hashtextextended(t::text, 0)) from t")
    if databases.in_target("select to_regclass('flowadmin.watermark')") != [(None,)]:
        marks = databases.in_target("select value from flowadmin.watermark")
        is_loaded = rows != before(databases, mode)
        assert marks == ([(str(ROWS),)] if is_loaded else [])
    return rows


def before(databases: Databases, mode: str) -> Rows:
    return databases.in_target(
        f"select count(*), sum(hashtextextended((i, 'old'::text)::text, 0)) from {old(mode)} i"
    )


def undisturbed(databases: Databases, made: Plan, mode: str) -> Rows:
    """What the run leaves when nothing happens to it."""
    fill(databases, mode)
    outcome = run(made, run_id="alone", secrets=secrets)
    outcome.raise_failure()
    is_within = databases.source_url == databases.target_url
    assert {node.is_inside for node in outcome.nodes.values()} == {is_within}
    return content(databases, mode)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("mode", "place"), [*PLACES, (PARALLEL, BETWEEN)])
def test_a_killed_run_that_is_run_again_loads_each_row_once(
    databases: Databases, runner: Runner, mode: str, place: str
) -> None:
    where = at(place, databases)
    made = pipeline(where, mode)
    undisturbed(where, made, mode)
    kill_and_repeat(
        runner,
        made,
        lambda: fill(where, mode),
        lambda: content(where, mode),
        kills=KILLS // 4 if mode == PARALLEL or place == WITHIN else KILLS,
        seed=f"exactly once, {mode}, {place}",
    )


@pytest.mark.parametrize(("mode", "place"), PLACES)
def test_a_load_whose_connection_is_cut_is_done_again_from_the_start(
    databases: Databases, mode: str, place: str
) -> None:
    where = at(place, databases)
    made = pipeline(where, mode)
    expected = undisturbed(where, made, mode)
    fill(where, mode)
    with ThreadPoolExecutor(1) as threads, psycopg.connect(where.target_url) as other:
        other.execute("insert into t values (%s, 'in the way')", [MIDDLE])
        running = threads.submit(run, made, run_id="cut", secrets=secrets)
        cut = f"select pg_terminate_backend(pid) {WAITING}"
        wait_for("a load comes to the row", lambda: where.in_target(cut))
        assert content(where, mode) == before(where, mode)
        other.rollback()
        running.result().raise_failure()
    assert content(where, mode) == expected


@pytest.mark.parametrize(("mode", "place"), PLACES)
def test_a_last_row_that_is_refused_leaves_the_table_as_it_was(
    databases: Databases, mode: str, place: str
) -> None:
    where = at(place, databases)
    made = pipeline(where, mode)
    where.in_source(f"insert into s values ({ROWS + 1}, 'forbidden')")
    fill(where, mode)
    (failure,) = run(made, run_id="r", secrets=secrets).failures
    assert failure.code == "E_LOAD_CONSTRAINT"
    assert "constraint 't_word_check'" in failure.message
    assert content(where, mode) == before(where, mode)
    assert where.in_target("select * from flowadmin.load_ledger") == []


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


@pytest.mark.parametrize(("mode", "place"), PLACES)
def test_a_load_that_was_committed_and_not_reported_is_not_repeated(
    databases: Databases, mode: str, place: str
) -> None:
    where = at(place, databases)
    made = pipeline(where, mode)
    fill(where, mode)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AFTER_COMMIT],
        input=made.model_dump_json(),
        text=True,
        cwd=ROOT,
    )
    assert killed.returncode == -signal.SIGKILL
    loaded = content(where, mode)
    assert loaded != before(where, mode)
    run(made, run_id="r", secrets=secrets).raise_failure()
    assert content(where, mode) == loaded


@pytest.mark.parametrize("mode", MODES)
def test_a_target_whose_disk_is_full_keeps_its_rows_and_is_loaded_later(
    databases: Databases, mode: str
) -> None:
    made = pipeline(databases, mode)
    fill(databases, mode)
    databases.in_target(FULL)
    (failure,) = run(made, run_id="r", secrets=secrets).failures
    assert "No space left" in failure.message
    assert content(databases, mode) == before(databases, mode)
    databases.in_target("drop trigger full_disk on t")
    run(made, run_id="r", secrets=secrets).raise_failure()
    assert content(databases, mode) == undisturbed(databases, made, mode)
