"""Whatever moment a run is killed at, running it again leaves each row once."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator

import pytest
from pipelines import Databases, Rows, plan, source, target, transform
from runner import Runner

from engine.plan import Plan

KILLS = 12
ROWS = 60_000


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    runner = Runner()
    yield runner
    runner.close()


def pipeline(databases: Databases, mode: str) -> Plan:
    databases.in_source(
        f"create table s as select i as id, md5(i::text) as word from generate_series(1, {ROWS}) i"
    )
    databases.in_target("create table t (id int, word text)")
    steps = [
        source("read", "s"),
        transform("keep", "filter", "read", condition="id % 3 <> 0"),
        target("write", "t", "keep", mode),
    ]
    return plan(steps, databases.connections())


def fill(databases: Databases) -> None:
    """Rows from before the run, which a replace removes and an append keeps."""
    databases.in_target("truncate t", "insert into t select i, 'old' from generate_series(1, 9) i")


def content(databases: Databases) -> Rows:
    return databases.in_target("select count(*), sum(hashtextextended(t::text, 0)) from t")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["append", "replace"])
def test_a_killed_run_that_is_run_again_loads_each_row_once(
    databases: Databases, runner: Runner, mode: str
) -> None:
    made = pipeline(databases, mode)
    fill(databases)
    started = time.monotonic()
    assert runner.run("undisturbed", made) == 0
    lasted = time.monotonic() - started
    undisturbed = content(databases)
    moments = random.Random(f"exactly once, {mode}")
    killed = attempts = 0
    while killed < KILLS:
        attempts += 1
        assert attempts < 5 * KILLS, "runs end before they can be killed"
        fill(databases)
        ended = runner.run(f"run {attempts}", made, kill_after=moments.uniform(0, lasted))
        killed += ended == -signal.SIGKILL
        assert content(databases) in (undisturbed, before(databases)), "a part was committed"
        assert runner.run(f"run {attempts}", made) == 0
        assert content(databases) == undisturbed
        assert runner.run(f"run {attempts}", made) == 0
        assert content(databases) == undisturbed


def before(databases: Databases) -> Rows:
    return databases.in_target(
        "select count(*), sum(hashtextextended((i, 'old'::text)::text, 0)) "
        "from generate_series(1, 9) i"
    )
