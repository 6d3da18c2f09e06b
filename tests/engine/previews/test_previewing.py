from __future__ import annotations

import pytest
from pipelines import Databases, join, plan, secrets, source, target, transform

from engine.errors import StepFailed
from engine.plan import Step
from engine.previews.previewing import Preview, preview
from engine.samples.sample import Extent

ORDERS = "create table orders(id int primary key, total numeric(10,2), note text)"
FILLED = "insert into orders select i, i + 0.5, 'n' || i from generate_series(1, 5000) i"
READ = source("read", "orders")


def shown(databases: Databases, steps: list[Step], node: str, **extent: float) -> Preview:
    wanted = plan(steps, databases.connections())
    return preview(wanted, node, secrets=secrets, extent=Extent(**extent))  # type: ignore[arg-type]


@pytest.fixture
def orders(databases: Databases) -> Databases:
    databases.in_source(ORDERS, FILLED)
    return databases


def test_a_source_reads_no_more_than_its_limit(orders: Databases) -> None:
    found = shown(orders, [READ], "read", rows=3, source_rows=10)
    assert found.rows == {"read": 10}
    assert len(found.sample.rows) == 3
    assert not found.sample.is_complete


def test_the_database_itself_is_asked_for_few_rows(orders: Databases) -> None:
    orders.in_source("create view slow as select id, pg_sleep(0.2) is null from orders")
    # All 5,000 rows would take a quarter of an hour.
    found = shown(orders, [source("read", "slow")], "read", source_rows=5)
    assert found.rows == {"read": 5}


def test_rows_are_those_of_a_run_of_the_nodes_before(orders: Databases) -> None:
    steps = [
        source("read", "orders", filter="id > 3"),
        transform("keep", "filter", "read", condition="id <= 5"),
        transform("twice", "expression", "keep", columns=[{"name": "x", "expression": "id * 2"}]),
    ]
    found = shown(orders, steps, "twice")
    assert [row[0::3] for row in sorted(found.sample.rows)] == [("4", "8"), ("5", "10")]
    assert [column.name for column in found.sample.columns] == ["id", "total", "note", "x"]


def test_nodes_that_the_rows_do_not_pass_are_left_alone(orders: Databases) -> None:
    steps = [READ, source("gone", "no_such_table"), join("both", "read", "gone")]
    assert shown(orders, steps, "read").rows == {"read": 1000}


def test_all_rows_of_a_small_table_make_a_complete_preview(databases: Databases) -> None:
    databases.in_source(ORDERS, "insert into orders values (1, 2, NULL)")
    found = shown(databases, [READ], "read")
    assert found.sample.is_complete
    assert found.sample.rows == (("1", "2.00", None),)


def test_a_filter_that_only_duckdb_knows_does_not_read_the_whole_table(orders: Databases) -> None:
    step = source("read", "orders", filter="note = 'n4000'")
    assert shown(orders, [step], "read", source_rows=10).rows == {"read": 0}
    assert shown(orders, [step], "read", source_rows=50).rows == {"read": 1}


def test_a_failure_names_its_node(orders: Databases) -> None:
    bad = [{"name": "x", "expression": "cast(note as integer)"}]
    with pytest.raises(StepFailed) as failure:
        shown(orders, [READ, transform("bad", "expression", "read", columns=bad)], "bad")
    assert (failure.value.step, failure.value.code) == ("bad", "E_VALUE")


def test_a_preview_that_takes_too_long_is_stopped(orders: Databases) -> None:
    slow = source("read", sql="select i, pg_sleep(1) is null from generate_series(1, 60) i")
    orders.in_source(
        "create function nap() returns bool language sql as 'select pg_sleep(60) is null'"
    )
    slow = source("read", sql="select nap() as x")
    with pytest.raises(StepFailed) as failure:
        shown(orders, [slow], "read", seconds=0.5)
    assert failure.value.code == "E_TIMEOUT"


def test_checks_of_all_rows_are_warnings_about_a_sample(orders: Databases) -> None:
    rule = {"rule": "row_count", "min_rows": 5000}
    found = shown(orders, [READ, transform("check", "assert", "read", assertions=[rule])], "check")
    assert "5" in found.warnings[0]


def test_a_target_is_never_written(orders: Databases) -> None:
    orders.in_target("create table copy(id int, total numeric(10,2), note text)")
    found = shown(orders, [READ, target("write", "copy", "read")], "write")
    assert found.write is not None
    assert (found.write.effect.insert, found.write.effect.delete) == (1000, 0)
    assert orders.in_target("select count(*) from copy") == [(0,)]
    assert orders.in_target("select to_regnamespace('flowadmin')") == [(None,)]


def test_replace_says_how_many_rows_it_would_delete(orders: Databases) -> None:
    orders.in_target("create table copy(id int)", "insert into copy values (1), (2)")
    found = shown(orders, [READ, target("write", "copy", "read", mode="replace")], "write")
    assert found.write is not None
    assert (found.write.effect.delete, found.write.effect.deletes_more) == (2, False)


def upserting(databases: Databases, mode: str = "upsert", **extent: float) -> Preview:
    config = {"keys": ["id"]}
    steps = [READ, target("write", "copy", "read", mode=mode, config=config)]
    return shown(databases, steps, "write", **extent)


def test_an_upsert_is_told_row_by_row_from_the_table(orders: Databases) -> None:
    orders.in_target(ORDERS.replace("orders", "copy"), "insert into copy values (2, 0), (9000, 0)")
    effect = upserting(orders, source_rows=10).write.effect  # type: ignore[union-attr]
    assert (effect.insert, effect.update, effect.delete) == (9, 1, 0)
    assert effect.known_keys == (("2",),)


def test_delete_insert_counts_every_row_that_goes(orders: Databases) -> None:
    orders.in_target(
        "create table copy(id int, note text)", "insert into copy values (2), (2), (3)"
    )
    effect = upserting(orders, "delete_insert", source_rows=10).write.effect  # type: ignore[union-attr]
    assert (effect.insert, effect.delete) == (10, 3)


def test_keys_that_come_twice_are_counted(databases: Databases) -> None:
    databases.in_source("create table orders(id int)", "insert into orders values (1), (1), (NULL)")
    databases.in_target("create table copy(id int unique)")
    effect = upserting(databases).write.effect  # type: ignore[union-attr]
    assert (effect.doubled, effect.insert) == (1, 2)


def test_a_table_that_would_be_made_is_shown(orders: Databases) -> None:
    config = {"create_table": True}
    found = shown(orders, [READ, target("write", "new", "read", config=config)], "write")
    assert found.write is not None
    assert [column.name for column in found.write.creates] == ["id", "total", "note"]
    assert orders.in_target("select to_regclass('new')") == [(None,)]


def test_values_that_do_not_fit_the_target_are_counted(databases: Databases) -> None:
    databases.in_source(
        "create table orders(n int)", "insert into orders values (1), (70000), (NULL)"
    )
    databases.in_target("create table copy(n smallint not null)")
    found = shown(databases, [READ, target("write", "copy", "read")], "write")
    assert found.write is not None
    assert [(c.target, c.target_type, c.unfit) for c in found.write.columns] == [
        ("n", "smallint", 2)
    ]
