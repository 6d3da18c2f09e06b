"""What each mode makes of a table that has rows already."""

from __future__ import annotations

from typing import Any

import pytest
from pipelines import Databases, Rows, plan, secrets, source, target

from engine.errors import StepFailed
from engine.interpreter import run
from engine.outcome import RunOutcome

KEYED = ["upsert", "delete_insert"]


def load(
    databases: Databases, mode: str, keys: tuple[str, ...] = ("id",), **config: Any
) -> RunOutcome:
    """Load table ``s`` of the source into ``t`` of the target."""
    steps = [
        source("read", "s"),
        target("write", "t", "read", mode, config={"keys": keys, **config}),
    ]
    return run(plan(steps, databases.connections()), run_id="r", secrets=secrets)


def refusal(databases: Databases, mode: str, **config: Any) -> StepFailed:
    (failure,) = load(databases, mode, **config).failures
    return failure


def rows(databases: Databases) -> Rows:
    return databases.in_target("select * from t order by t")


@pytest.fixture
def tables(databases: Databases) -> Databases:
    """Rows 2 and 3 arrive, rows 1 and 2 are there."""
    databases.in_source(
        "create table s (id int, word text)", "insert into s values (2, 'new'), (3, 'new')"
    )
    databases.in_target(
        "create table t (id int primary key, word text, kept text default 'default')",
        "insert into t values (1, 'old', 'own'), (2, 'old', 'own')",
    )
    return databases


def test_an_upsert_updates_what_is_fed_and_adds_the_rest(tables: Databases) -> None:
    outcome = load(tables, "upsert")
    outcome.raise_failure()
    assert outcome.nodes["write"].rows_out == 2
    assert rows(tables) == [(1, "old", "own"), (2, "new", "own"), (3, "new", "default")]


def test_delete_insert_writes_rows_of_arriving_keys_anew(tables: Databases) -> None:
    outcome = load(tables, "delete_insert")
    outcome.raise_failure()
    assert outcome.nodes["write"].rows_out == 2
    assert rows(tables) == [(1, "old", "own"), (2, "new", "default"), (3, "new", "default")]


def test_delete_insert_keeps_every_row_of_a_key(databases: Databases) -> None:
    databases.in_source("create table s (day int, n int)", "insert into s values (1, 5), (1, 6)")
    databases.in_target(
        "create table t (day int, n int)", "insert into t values (1, 1), (1, 2), (2, 3)"
    )
    load(databases, "delete_insert", ("day",)).raise_failure()
    assert rows(databases) == [(1, 5), (1, 6), (2, 3)]


def test_an_upsert_refuses_a_key_that_arrives_twice_and_names_it(tables: Databases) -> None:
    tables.in_source("insert into s values (7, 'a'), (7, 'b')")
    before = rows(tables)
    failure = refusal(tables, "upsert")
    assert failure.code == "E_LOAD_KEY_REPEATED"
    assert "2 rows have the key id = '7'" in failure.message
    assert rows(tables) == before


@pytest.mark.parametrize("mode", KEYED)
def test_a_key_that_is_null_is_refused(tables: Databases, mode: str) -> None:
    tables.in_source("insert into s values (null, 'a')")
    tables.in_target("alter table t drop constraint t_pkey", "create unique index on t (id)")
    failure = refusal(tables, mode)
    assert failure.code == "E_LOAD_CONSTRAINT"
    assert "column 'id'" in failure.message


@pytest.mark.parametrize("mode", KEYED)
def test_keys_may_be_several_odd_and_cast_from_text(databases: Databases, mode: str) -> None:
    table = '(net inet, "Or der" numeric, n int, unique (net, "Or der"))'
    databases.in_source(
        f"create table s {table}", "insert into s values ('10.0.0.1', 1.50, 2), ('10.0.0.2', 1, 3)"
    )
    databases.in_target(f"create table t {table}", "insert into t values ('10.0.0.1', 1.5, 1)")
    load(databases, mode, ("NET", "or der")).raise_failure()
    assert databases.in_target("select host(net), n from t order by n") == [
        ("10.0.0.1", 2),
        ("10.0.0.2", 3),
    ]


def test_an_upsert_of_keys_alone_counts_every_row(databases: Databases) -> None:
    databases.in_source("create table s (id int)", "insert into s values (1), (2)")
    databases.in_target("create table t (id int primary key)", "insert into t values (1)")
    outcome = load(databases, "upsert")
    assert outcome.nodes["write"].rows_out == 2
    assert rows(databases) == [(1,), (2,)]


def test_delete_insert_never_deletes_rows_of_other_tables(tables: Databases) -> None:
    tables.in_target(
        "create table child (t int references t on delete cascade)", "insert into child values (2)"
    )
    assert "'child' refers to it" in refusal(tables, "delete_insert").message
    assert tables.in_target("select count(*) from child") == [(1,)]


@pytest.mark.parametrize(
    "index",
    [
        "create unique index on t (id) where word = 'x'",
        "create unique index on t (id, word)",
        "create unique index on t (abs(id))",
        "create index on t (id)",
        "alter table t add unique (id) deferrable",
    ],
)
def test_an_upsert_needs_a_unique_index_on_its_keys(tables: Databases, index: str) -> None:
    tables.in_target("alter table t drop constraint t_pkey", index)
    failure = refusal(tables, "upsert")
    assert failure.code == "key_not_unique"


def test_a_unique_index_may_carry_more_columns(tables: Databases) -> None:
    tables.in_target(
        "alter table t drop constraint t_pkey", "create unique index on t (id) include (word)"
    )
    load(tables, "upsert").raise_failure()
