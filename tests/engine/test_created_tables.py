"""A target that makes its table, in the transaction that loads it."""

from __future__ import annotations

from typing import Any

import pytest
from pipelines import Databases, Rows, plan, secrets, source, target

from engine.errors import StepFailed
from engine.interpreter import run
from engine.outcome import RunOutcome


def load(
    databases: Databases, mode: str = "append", run_id: str = "r", **config: Any
) -> RunOutcome:
    """Load table ``s`` of the source into ``t`` of the target, which may have to be made."""
    config = {"create_table": True, **config}
    steps = [source("read", "s"), target("write", "t", "read", mode, config=config)]
    return run(plan(steps, databases.connections()), run_id=run_id, secrets=secrets)


def refusal(databases: Databases, **config: Any) -> StepFailed:
    (failure,) = load(databases, **config).failures
    return failure


def columns(databases: Databases) -> Rows:
    return databases.in_target(
        "select attname::text, format_type(atttypid, atttypmod) from pg_attribute "
        "where attrelid = to_regclass('t') and attnum > 0 order by attnum"
    )


TYPES = {
    "smallint": ("smallint", "1"),
    "integer": ("integer", "1"),
    "bigint": ("bigint", "1"),
    "real": ("real", "1.5"),
    "double precision": ("double precision", "1.5"),
    "numeric(12,2)": ("numeric(12,2)", "1.25"),
    "boolean": ("boolean", "true"),
    "text": ("text", "a"),
    "varchar(5)": ("text", "a"),
    "jsonb": ("text", '{"a": 1}'),
    "bytea": ("bytea", r"\x00ff"),
    "date": ("date", "2024-02-29"),
    "time": ("time without time zone", "12:00:00"),
    "timestamp": ("timestamp without time zone", "2024-02-29 12:00:00"),
    "timestamptz": ("timestamp with time zone", "2024-02-29 12:00:00+00"),
    "interval": ("interval", "1 day"),
    "uuid": ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
}


def test_every_type_has_a_column_that_holds_it(databases: Databases) -> None:
    fields = ", ".join(f'"{type_}" {type_}' for type_ in TYPES)
    values = ", ".join(f"'{value}'" for _, value in TYPES.values())
    databases.in_source(f"create table s ({fields})", f"insert into s values ({values})")
    load(databases).raise_failure()
    assert columns(databases) == [(name, native) for name, (native, _) in TYPES.items()]
    quoted = ", ".join(f'"{name}"::text' for name in TYPES)
    expected = databases.in_source("set timezone = 'UTC'", f"select {quoted} from s")
    assert databases.in_target("set timezone = 'UTC'", f"select {quoted} from t") == expected


@pytest.fixture
def orders(databases: Databases) -> Databases:
    databases.in_source(
        "create table s (id int, word text)", "insert into s values (1, 'a'), (2, 'b')"
    )
    return databases


def test_a_table_that_is_there_is_used_as_it_is(orders: Databases) -> None:
    orders.in_target("create table t (id bigint, more int default 5)")
    load(orders).raise_failure()
    assert orders.in_target("select * from t order by id") == [(1, 5), (2, 5)]


def test_the_next_run_finds_the_table(orders: Databases) -> None:
    load(orders, run_id="one").raise_failure()
    load(orders, run_id="two").raise_failure()
    assert orders.in_target("select count(*) from t") == [(4,)]


def test_chosen_columns_are_the_ones_of_the_table(orders: Databases) -> None:
    load(orders, columns=[{"column": "ID", "target": "order id"}]).raise_failure()
    assert columns(orders) == [("order id", "integer")]


def test_the_keys_of_an_upsert_become_the_primary_key(orders: Databases) -> None:
    for run_id in ("one", "two"):
        load(orders, "upsert", run_id, keys=["ID"]).raise_failure()
    assert orders.in_target("select count(*) from t") == [(2,)]
    assert orders.in_target(
        "select pg_get_constraintdef(oid) from pg_constraint where conrelid = 't'::regclass"
    ) == [("PRIMARY KEY (id)",)]


def test_a_load_that_fails_leaves_no_table(orders: Databases) -> None:
    orders.in_source("insert into s values (2, 'again')")
    assert load(orders, "upsert", keys=["id"]).failures[0].code == "E_LOAD_KEY_REPEATED"
    assert orders.in_target("select to_regclass('t')") == [(None,)]


def test_without_being_asked_nothing_is_created(orders: Databases) -> None:
    assert refusal(orders, create_table=False).code == "E_TABLE_NOT_FOUND"
