"""A failed run goes on from what is there: rows kept on disk, loads that were applied."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pipelines import Databases, plan, secrets, source, target, transform

from engine.errors import StepFailed
from engine.interpreter import run
from engine.outcome import RunOutcome
from engine.plan import Plan
from engine.restarting.checkpoints import Checkpoints, sweep
from engine.restarting.kept import Kept
from engine.restarting.restart import Restart
from engine.schema import Schema

ROOT = Path(__file__).parents[3]
FIRST = "first run"


@pytest.fixture
def shop(databases: Databases) -> Databases:
    """Ten rows to read, and two tables; one of them refuses the tenth row."""
    databases.in_source(
        "create table s as select i as id, 'w' || i as word from generate_series(1, 10) i"
    )
    databases.in_target(
        "create table good (id int, word text)",
        "create table bad (id int check (id < 10), word text)",
    )
    return databases


def forked(databases: Databases, condition: str = "id > 2", **fields: Any) -> Plan:
    """One kept step that feeds two targets."""
    steps = [
        source("read", "s"),
        transform("keep", "filter", "read", condition=condition),
        target("write good", "good", "keep"),
        target("write bad", "bad", "keep"),
    ]
    return plan(steps, databases.connections(), **fields)


def fail(made: Plan, folder: Path, run_id: str = FIRST, **more: Any) -> RunOutcome:
    outcome = run(made, run_id=run_id, secrets=secrets, checkpoints=folder, **more)
    assert not outcome.ok
    return outcome


def go_on(
    made: Plan, folder: Path, *, done: tuple[str, ...] = ("write good",), **fields: Any
) -> RunOutcome:
    """A restart of the first run."""
    parameters = fields.pop("parameters", None)
    loads = {step.key: FIRST for step in made.steps if step.key not in fields.get("anew", ())}
    return run(
        made,
        run_id="second run",
        secrets=secrets,
        checkpoints=folder,
        parameters=parameters,
        restart=Restart(root=FIRST, done=done, loads=loads, **fields),
    )


def allow(databases: Databases) -> None:
    databases.in_target("alter table bad drop constraint bad_id_check")


def ids(databases: Databases, table: str) -> list[int]:
    return [row[0] for row in databases.in_target(f"select id from {table} order by id")]


def reused(outcome: RunOutcome) -> set[str]:
    return {key for key, node in outcome.nodes.items() if node.is_reused}


def test_kept_rows_are_read_back_instead_of_the_source(shop: Databases, tmp_path: Path) -> None:
    fail(forked(shop), tmp_path)
    allow(shop)
    shop.in_source("delete from s")
    outcome = go_on(forked(shop), tmp_path)
    outcome.raise_failure()
    assert ids(shop, "bad") == ids(shop, "good") == list(range(3, 11))
    assert reused(outcome) == {"read", "keep", "write good"}
    assert outcome.nodes["write bad"].rows_in == 8


def test_a_run_that_ends_well_leaves_nothing_on_disk(shop: Databases, tmp_path: Path) -> None:
    fail(forked(shop), tmp_path)
    assert list(tmp_path.glob("*/*.parquet"))
    allow(shop)
    go_on(forked(shop), tmp_path).raise_failure()
    assert list(tmp_path.iterdir()) == []


def test_a_changed_step_is_run_again(shop: Databases, tmp_path: Path) -> None:
    fail(forked(shop), tmp_path)
    allow(shop)
    outcome = go_on(forked(shop, "id > 7"), tmp_path)
    outcome.raise_failure()
    assert reused(outcome) == {"write good"}
    assert ids(shop, "bad") == [8, 9, 10]
    assert ids(shop, "good") == list(range(3, 11)), "what was loaded is not loaded again"


def test_a_changed_parameter_runs_what_may_depend_on_it(shop: Databases, tmp_path: Path) -> None:
    made = forked(shop, "id > $least", parameters={"least": 2})
    fail(made, tmp_path)
    allow(shop)
    go_on(made, tmp_path, parameters={"least": 8}).raise_failure()
    assert ids(shop, "bad") == [9, 10]


def test_a_changed_source_connection_is_read_again(shop: Databases, tmp_path: Path) -> None:
    fail(forked(shop), tmp_path)
    allow(shop)
    shop.in_source("create schema other", "create table other.s as select 5 as id, 'x' as word")
    made = forked(shop)
    moved = made.steps[0].model_copy(update={"config": {**made.steps[0].config, "schema": "other"}})
    go_on(made.model_copy(update={"steps": (moved, *made.steps[1:])}), tmp_path).raise_failure()
    assert ids(shop, "bad") == [5]


def test_a_new_password_reads_the_same_rows(shop: Databases, tmp_path: Path) -> None:
    fail(forked(shop), tmp_path)
    allow(shop)
    made = forked(shop)
    renewed = {s: c.model_copy(update={"revision": 2}) for s, c in made.connections.items()}
    outcome = go_on(made.model_copy(update={"connections": renewed}), tmp_path)
    assert "keep" in reused(outcome)


def test_a_node_to_run_anew_is_run_with_what_follows(shop: Databases, tmp_path: Path) -> None:
    fail(forked(shop), tmp_path)
    allow(shop)
    anew = ("write good", "keep", "write bad")
    outcome = go_on(forked(shop), tmp_path, anew=anew)
    outcome.raise_failure()
    assert reused(outcome) == set()
    assert ids(shop, "good") == sorted([*range(3, 11)] * 2), "it was asked to load again"


def test_a_load_that_nobody_reported_is_not_applied_again(shop: Databases, tmp_path: Path) -> None:
    fail(forked(shop), tmp_path)
    allow(shop)
    go_on(forked(shop), tmp_path, done=()).raise_failure()
    assert ids(shop, "good") == list(range(3, 11))


def checkpointed(databases: Databases) -> Plan:
    """A chain whose middle is to be kept on disk."""
    steps = [
        source("read", "s"),
        transform("keep", "filter", "read", condition="id > 2").model_copy(
            update={"checkpoint": True}
        ),
        target("write bad", "bad", "keep"),
    ]
    return plan(steps, databases.connections())


KILLED = """
import json, os, signal, sys
from pathlib import Path
from engine.execution.loading import Loading
from engine.interpreter import run
from engine.plan import Plan
made, folder, run_id = json.loads(sys.stdin.read())
Loading.load = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
secrets = lambda connection: {"password": connection.sealed}
run(Plan.model_validate(made), run_id=run_id, secrets=secrets, checkpoints=Path(folder))
"""


def test_rows_of_a_node_with_a_checkpoint_survive_a_kill(shop: Databases, tmp_path: Path) -> None:
    made = checkpointed(shop)
    allow(shop)
    given = json.dumps([made.model_dump(mode="json"), str(tmp_path), FIRST])
    killed = subprocess.run(
        [sys.executable, "-c", KILLED], input=given, text=True, cwd=ROOT, env=dict(os.environ)
    )
    assert killed.returncode == -9
    shop.in_source("delete from s")
    outcome = go_on(made, tmp_path, done=())
    outcome.raise_failure()
    assert reused(outcome) == {"read", "keep"}
    assert ids(shop, "bad") == list(range(3, 11))


def test_a_checkpoint_that_cannot_be_written_is_a_warning(shop: Databases, tmp_path: Path) -> None:
    allow(shop)
    (tmp_path / "file").touch()
    outcome = run(
        checkpointed(shop), run_id="r", secrets=secrets, checkpoints=tmp_path / "file" / "folder"
    )
    outcome.raise_failure()
    assert "could not be kept for a restart" in outcome.nodes["keep"].warnings[0]


def test_a_cut_off_checkpoint_is_made_anew(shop: Databases, tmp_path: Path) -> None:
    fail(forked(shop), tmp_path)
    allow(shop)
    (file,) = tmp_path.glob("*/*.parquet")
    file.write_bytes(file.read_bytes()[:-100])
    outcome = go_on(forked(shop), tmp_path)
    outcome.raise_failure()
    assert reused(outcome) == {"write good"}


def test_a_damaged_checkpoint_says_what_to_do(shop: Databases, tmp_path: Path) -> None:
    fail(forked(shop), tmp_path)
    allow(shop)
    (file,) = tmp_path.glob("*/*.parquet")
    file.write_bytes(bytes(file.stat().st_size))
    with pytest.raises(StepFailed, match="retry once more") as caught:
        go_on(forked(shop), tmp_path)
    assert (caught.value.step, caught.value.code) == ("keep", "E_CHECKPOINT")
    go_on(forked(shop), tmp_path).raise_failure()


#: Types that Parquet would change, and some that it would not.
VALUES = {
    "HUGEINT": "170141183460469231731687303715884105727::HUGEINT",
    "INTERVAL": "INTERVAL '1 year 2 months 3 days 4.000005 seconds'",
    "BIT": "'0101'::BIT",
    "TIME WITH TIME ZONE": "'12:30:00.000001+02'::TIMETZ",
    "ENUM('a', 'b')": "'b'::ENUM('a', 'b')",
    "UUID": "'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::UUID",
    "DECIMAL(38,10)": "1234567890123456789012345678.0123456789::DECIMAL(38,10)",
    "DOUBLE": "'nan'::DOUBLE",
    "DATE": "'infinity'::DATE",
    "TIMESTAMP": "'-infinity'::TIMESTAMP",
    "TIMESTAMP WITH TIME ZONE": "'2024-02-29 12:00:00.000001+00'::TIMESTAMPTZ",
    "TIMESTAMP_NS": "'2024-02-29 12:00:00.000000001'::TIMESTAMP_NS",
    "BLOB": "'\\x00\\xFF'::BLOB",
    "VARCHAR[]": "['it''s', NULL, 'a,b', '\"q\"']",
    "STRUCT(a INTEGER, b VARCHAR)": "{'a': 1, 'b': 'x'}",
}


@pytest.mark.parametrize("type_", VALUES)
def test_values_come_back_exactly(type_: str, tmp_path: Path) -> None:
    session = duckdb.connect()
    session.execute(f"CREATE TABLE t AS SELECT {VALUES[type_]} AS v UNION ALL SELECT NULL")
    kept = Kept(Schema.of([("v", type_)]), {"out": 2})
    checkpoints = Checkpoints(tmp_path, {"node": "hash"})
    checkpoints.write("node", "t", kept, (), session)
    checkpoints.find()["node"].read('"back"', session)
    types = session.execute("SELECT DISTINCT typeof(v) FROM back").fetchall()
    assert types == [(type_,)]
    difference = "SELECT * FROM {} EXCEPT ALL SELECT * FROM {}"
    assert session.execute(difference.format("t", "back")).fetchall() == []


def test_the_order_of_sorted_rows_comes_back(tmp_path: Path) -> None:
    session = duckdb.connect()
    session.execute("CREATE TABLE t AS FROM range(300000) r(i) ORDER BY hash(i)")
    kept = Kept(Schema.of([("i", "BIGINT")]), {"out": 300_000}, is_sorted=True)
    checkpoints = Checkpoints(tmp_path, {"node": "hash"})
    checkpoints.write("node", "t", kept, (), session)
    checkpoints.find()["node"].read('"back"', session)
    rows = session.execute("SELECT i FROM back ORDER BY rowid").fetchall()
    assert rows == session.execute("SELECT i FROM t ORDER BY rowid").fetchall()


def test_a_sweep_takes_the_old_and_then_the_large(tmp_path: Path) -> None:
    for age, name in enumerate(["new", "recent", "older", "old"]):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.parquet").write_bytes(b"x" * 1000)
        os.utime(tmp_path / name, (time.time() - age * 86_400,) * 2)
    sweep(tmp_path, max_age_days=2.5, max_gb=2500e-9)
    assert {path.name for path in tmp_path.iterdir()} == {"new", "recent"}
