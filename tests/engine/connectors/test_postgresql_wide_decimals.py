"""Decimals of many digits: written quickly where their values are small, exactly always."""

from __future__ import annotations

import pytest
from pipelines import Databases, execute, plan, secrets, source, target, transform

from engine.interpreter import run
from engine.outcome import RunOutcome

SMALL, LARGE = "99999999999999.9999", "100000000000000.0000"


def load(databases: Databases, value: str, mode: str = "append") -> RunOutcome:
    databases.in_source(f"create table s as select 1 as id, {value}::numeric(30,4) as v")
    databases.in_target(
        "create table t (id int primary key, v numeric(30,4))", "insert into t values (0, 0)"
    )
    keys = {"keys": ["id"]} if mode == "upsert" else {}
    steps = [source("read", "s"), target("write", "t", "read", mode, config=keys)]
    return run(plan(steps, databases.connections()), run_id="r", secrets=secrets)


@pytest.mark.parametrize("mode", ["append", "replace", "upsert"])
@pytest.mark.parametrize("value", [SMALL, f"-{SMALL}", LARGE, f"-{LARGE}"])
def test_every_value_arrives_as_it_was(databases: Databases, value: str, mode: str) -> None:
    load(databases, value, mode).raise_failure()
    assert execute(databases.target_url, "select v::text from t where id = 1") == [(value,)]
    expected = 1 if mode == "replace" else 2
    assert databases.in_target("select count(*) from t") == [(expected,)]


def test_rows_that_are_read_again_are_counted_once(databases: Databases) -> None:
    outcome = load(databases, LARGE)
    assert {key: node.rows_out for key, node in outcome.nodes.items()} == {"read": 1, "write": 1}


def test_a_cast_of_the_users_own_still_fails(databases: Databases) -> None:
    databases.in_source("create table s as select 'x' as word, 1::numeric(30,4) as v")
    databases.in_target("create table t (word int, v numeric(30,4))")
    cast = transform(
        "cast", "select", "read", columns=[{"name": "word", "type": "integer"}, {"name": "v"}]
    )
    steps = [source("read", "s"), cast, target("write", "t", "cast")]
    outcome = run(plan(steps, databases.connections()), run_id="r", secrets=secrets)
    assert [failure.step for failure in outcome.failures] == ["cast"]
    assert databases.in_target("select count(*) from t") == [(0,)]
