"""Sources that read only what their targets have not got yet."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from pipelines import Databases, Rows, plan, secrets, source, target

from engine.connectors.postgresql.books import PostgresBooks
from engine.errors import ConnectorError
from engine.interpreter import run
from engine.loads import watermarks
from engine.outcome import RunOutcome
from engine.transfer import Load, TableName, Watermark


def load(
    databases: Databases,
    run_id: str,
    *targets: str,
    mode: str = "append",
    column: str = "at",
    overlap: float = 0,
    **config: Any,
) -> RunOutcome:
    """Load the new rows of ``s`` into the targets, by column ``at``."""
    reads = {"incremental": {"column": column, "overlap": overlap}, "table": "s", **config}
    keys = {"keys": ["id"]} if mode == "upsert" else {}
    steps = [
        source("read", **reads),
        *(target(name, name, "read", mode, config=keys) for name in targets or ("t",)),
    ]
    return run(plan(steps, databases.connections()), run_id=run_id, secrets=secrets)


def ids(databases: Databases, table: str = "t") -> list[Any]:
    return [row[0] for row in databases.in_target(f"select id from {table} order by id")]


def held(databases: Databases) -> Rows:
    return databases.in_target("select target, value from flowadmin.watermark order by target")


@pytest.fixture
def tables(databases: Databases) -> Databases:
    databases.in_source(
        "create table s (id int, at int)", "insert into s values (1, 10), (2, 20), (3, null)"
    )
    databases.in_target("create table t (id int primary key, at int)")
    return databases


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        ("int", ("1", "2", "3")),
        ("bigint", ("-9000000000", "8", "9000000000")),
        ("numeric(12,3)", ("9.5", "10.25", "10.251")),
        ("double precision", ("0.1", "0.30000000000000004", "0.4")),
        ("date", ("2024-02-29", "2024-03-01", "2025-01-01")),
        ("timestamp", ("2024-01-01 00:00", "2024-01-01 00:00:00.000001", "2024-01-02")),
        ("timestamptz", ("2024-01-01 00:00+09", "2024-01-01 00:00+00", "2024-01-01 00:00-05")),
        ("text", ("a", "o'b", "z")),
    ],
)
def test_a_second_run_reads_only_what_is_new(
    databases: Databases, type_: str, values: tuple[str, ...]
) -> None:
    databases.in_source(f"create table s (id int, at {type_})")
    databases.in_target("create table t (id int)")
    databases.in_source(*(f"insert into s values ({i}, $${v}$$)" for i, v in enumerate(values[:2])))
    assert load(databases, "one").nodes["read"].rows_out == 2
    databases.in_source(f"insert into s values (2, $${values[2]}$$)")
    assert load(databases, "two").nodes["read"].rows_out == 1
    assert load(databases, "three").nodes["read"].rows_out == 0
    assert ids(databases) == [0, 1, 2]


def test_a_run_that_is_run_again_loads_nothing_more(tables: Databases) -> None:
    load(tables, "one").raise_failure()
    tables.in_source("insert into s values (4, 40)")
    load(tables, "one").raise_failure()
    assert ids(tables) == [1, 2]
    assert held(tables) == [("t", "20")]


def test_a_load_that_fails_is_read_again(tables: Databases) -> None:
    load(tables, "one").raise_failure()
    tables.in_source("insert into s values (5, 50), (1, 60)")
    assert load(tables, "two").failures[0].code == "E_LOAD_CONSTRAINT"
    assert held(tables) == [("t", "20")]
    tables.in_source("delete from s where at = 60")
    load(tables, "three").raise_failure()
    assert ids(tables) == [1, 2, 5]


def test_an_overlap_reads_back_for_late_rows(tables: Databases) -> None:
    load(tables, "one", mode="upsert").raise_failure()
    tables.in_source("insert into s values (7, 15), (8, 5)")
    load(tables, "two", mode="upsert", overlap=10).raise_failure()
    assert ids(tables) == [1, 2, 7]


def test_seconds_of_overlap_are_taken_from_timestamps(databases: Databases) -> None:
    databases.in_source("create table s (id int, at timestamptz)")
    databases.in_source("insert into s values (1, '2024-01-01 12:00+00')")
    databases.in_target("create table t (id int primary key)")
    load(databases, "one", mode="upsert").raise_failure()
    databases.in_source("insert into s values (2, '2024-01-01 11:59:59.5+00')")
    databases.in_source("insert into s values (3, '2024-01-01 11:59:58+00')")
    load(databases, "two", mode="upsert", overlap=1.5).raise_failure()
    assert ids(databases) == [1, 2]


def test_each_target_keeps_its_own_watermark(tables: Databases) -> None:
    tables.in_target("create table u (id int primary key check (id <> 2))")
    assert load(tables, "one", "t", "u", mode="upsert").failures[0].step == "u"
    assert held(tables) == [("t", "20")]
    tables.in_source("insert into s values (4, 40)")
    tables.in_target("alter table u drop constraint u_id_check")
    load(tables, "two", "t", "u", mode="upsert").raise_failure()
    assert held(tables) == [("t", "40"), ("u", "40")]
    assert ids(tables, "t") == ids(tables, "u") == [1, 2, 4]


def test_nothing_to_read_moves_nothing(databases: Databases) -> None:
    databases.in_source("create table s (id int, at int)", "insert into s values (1, null)")
    databases.in_target("create table t (id int)")
    load(databases, "one").raise_failure()
    assert ids(databases) == []
    assert databases.in_target("select to_regclass('flowadmin.watermark')") == [(None,)]


def test_another_column_starts_anew(tables: Databases) -> None:
    load(tables, "one", mode="upsert").raise_failure()
    outcome = load(tables, "two", mode="upsert", column="id")
    assert outcome.nodes["read"].rows_out == 3


def test_a_window_goes_together_with_a_filter_and_a_query(tables: Databases) -> None:
    load(tables, "one").raise_failure()
    tables.in_source("insert into s values (4, 40), (5, 50)")
    load(tables, "two", filter="id <> 4").raise_failure()
    assert ids(tables) == [1, 2, 5]


def test_a_query_can_be_read_by_what_it_calculates(databases: Databases) -> None:
    databases.in_source("create table s (id int)", "insert into s values (1), (2)")
    databases.in_target("create table t (id int)")
    query = {"table": "", "sql": "select id, id * 2 as at from s"}
    load(databases, "one", **query).raise_failure()
    databases.in_source("insert into s values (3)")
    load(databases, "two", **query).raise_failure()
    assert ids(databases) == [1, 2, 3]


def test_an_overlap_cannot_be_taken_from_text(databases: Databases) -> None:
    databases.in_source("create table s (id int, at text)", "insert into s values (1, 'a')")
    databases.in_target("create table t (id int)")
    load(databases, "one").raise_failure()
    (failure,) = load(databases, "two", overlap=1).failures
    assert failure.step == "read"
    assert "overlap cannot be taken from column 'at' (text)" in failure.message


def test_a_watermark_that_another_run_has_moved_stops_the_load(databases: Databases) -> None:
    seen = Watermark("w", "read", "write", "scope", before="1", after="2")
    table = TableName("", "t")
    with psycopg.connect(databases.target_url, autocommit=True) as connection:
        books = PostgresBooks(connection, "flowadmin")
        books.prepare(watermarks=True)
        first = Load(table, "append", {}, "r", "n", watermarks=(seen,))
        watermarks.move(books, first)
        with pytest.raises(ConnectorError, match="another run has moved the watermark"):
            watermarks.move(books, first)
