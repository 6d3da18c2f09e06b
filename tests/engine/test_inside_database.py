"""Loads from a table to a table of one database: inside it where that is the same."""

from __future__ import annotations

from typing import Any

import pytest
from pipelines import Databases, connection, plan, secrets, source, target, transform

from engine.interpreter import run
from engine.outcome import RunOutcome
from engine.plan import Step

PEOPLE = (
    "create table people (id int not null, name varchar(20), code char(3), pay numeric(12,2))",
    "insert into people select i, 'p' || i, 'c', i * 10 from generate_series(1, 1000) i",
    "create table rich (id bigint, label text, code char(3), twice numeric(14,2))",
)
#: What each node of the chain below puts out.
COUNTS = {"read": 1000, "keep": 100, "double": 100, "pick": 100, "write": 100}


def chain(mode: str = "append", **config: Any) -> list[Step]:
    made = [
        {"name": "twice", "expression": "pay * 2"},
        {"name": "label", "expression": "name || '-' || code"},
    ]
    picked = [{"name": name} for name in ("id", "label", "code", "twice")]
    return [
        source("read", "people"),
        transform("keep", "filter", "read", condition="pay > 9000"),
        transform("double", "expression", "keep", columns=made),
        transform("pick", "select", "double", columns=picked),
        target("write", "rich", "pick", mode, config=config),
    ]


def run_inside(databases: Databases, *steps: Step, run_id: str = "r", **options: Any) -> RunOutcome:
    """Both connections lead to one database."""
    one = connection(databases.source_url, **options)
    made = plan(steps, {"source": one, "target": one})
    return run(made, run_id=run_id, secrets=secrets)


def counts(outcome: RunOutcome) -> dict[str, int | None]:
    assert outcome.ok, outcome.failures
    return {key: node.rows_out for key, node in outcome.nodes.items()}


def inside(outcome: RunOutcome) -> set[bool]:
    assert outcome.ok, outcome.failures
    return {node.is_inside for node in outcome.nodes.values()}


def test_every_node_is_counted(databases: Databases) -> None:
    databases.in_source(*PEOPLE)
    outcome = run_inside(databases, *chain())
    assert (counts(outcome), inside(outcome)) == (COUNTS, {True})
    assert outcome.nodes["keep"].rows_in == 1000


def test_rows_and_counts_are_those_of_the_other_way(databases: Databases) -> None:
    databases.in_source(*PEOPLE)
    every = "select array_agg(rich::text order by id) from rich"
    first = run_inside(databases, *chain("replace"))
    rows = databases.in_source(every)
    second = run_inside(databases, *chain("replace", inside_database=False), run_id="s")
    assert (inside(first), inside(second)) == ({True}, {False})
    assert rows == databases.in_source(every)
    assert counts(first) == counts(second)


KEYED = (
    *PEOPLE,
    "alter table rich add primary key (id)",
    "insert into rich select i, 'old', 'x', 0 from generate_series(890, 910) i",
)


@pytest.mark.parametrize("mode", ["upsert", "delete_insert"])
def test_rows_with_keys_meet_old_ones_as_by_the_other_way(databases: Databases, mode: str) -> None:
    loaded = []
    for way in (True, False):
        databases.empty()
        databases.in_source(*KEYED)
        outcome = run_inside(databases, *chain(mode, keys=["id"], inside_database=way))
        assert (counts(outcome), inside(outcome)) == (COUNTS, {way})
        loaded.append(databases.in_source("select array_agg(rich::text order by id) from rich"))
    assert loaded[0] == loaded[1]


@pytest.mark.parametrize("mode", ["upsert", "delete_insert"])
@pytest.mark.parametrize(
    ("row", "code"),
    [("(901, 'again', 'c', 9999)", "E_LOAD_KEY_REPEATED"), ("(null, 'none', 'c', 9999)", "")],
)
def test_keys_are_refused_as_by_the_other_way(
    databases: Databases, mode: str, row: str, code: str
) -> None:
    databases.in_source(*KEYED, "alter table people alter id drop not null")
    databases.in_source(f"insert into people values {row}")
    before = databases.in_source("select * from rich order by id")
    (failure,) = run_inside(databases, *chain(mode, keys=["id"])).failures
    assert failure.code == (code if mode == "upsert" and code else "E_LOAD_CONSTRAINT")
    assert databases.in_source("select * from rich order by id") == before


def test_arrivals_that_would_go_through_text_leave_the_database(databases: Databases) -> None:
    databases.in_source(
        "create table s as select 1 as id, '{}'::jsonb as v",
        "create table t (id int primary key, v jsonb)",
    )
    write = target("write", "t", "read", "upsert", config={"keys": ["id"]})
    assert inside(run_inside(databases, source("read", "s"), write)) == {False}


def groups(**config: Any) -> list[Step]:
    """How much people of a name are paid: three nodes, of which the middle one makes groups."""
    made = [
        {"name": "paid", "function": "sum", "column": "pay"},
        {"name": "people", "function": "count"},
        {"name": "first", "function": "min", "column": "id"},
    ]
    keep = transform("keep", "filter", "read", condition="id > 10")
    group = transform("group", "aggregate", "keep", group_by=["name"], aggregates=made)
    large = transform("large", "filter", "group", condition="people > 1")
    return [source("read", "people"), keep, group, large, target("write", "t", "large", **config)]


GROUPS = (
    *PEOPLE,
    "update people set name = chr(64 + id % 26)",
    "update people set name = null where id > 990",
    "create table t (name text, paid numeric, people bigint, first int)",
)


@pytest.mark.parametrize("statement", ["select", "create index on people (name)"])
def test_groups_and_counts_are_those_of_the_other_way(databases: Databases, statement: str) -> None:
    loaded = []
    for way in (True, False):
        databases.empty()
        databases.in_source(*GROUPS, statement, "analyze people")
        outcome = run_inside(databases, *groups(config={"inside_database": way}))
        assert inside(outcome) == {way}
        loaded.append((counts(outcome), databases.in_source("select * from t order by name")))
    assert loaded[0] == loaded[1]
    assert loaded[0][0]["keep"] == 990


def test_all_rows_are_one_group_even_if_there_are_none(databases: Databases) -> None:
    databases.in_source(*GROUPS, "delete from people", "create index on people (id)")
    made = [{"name": "first", "function": "min", "column": "id"}]
    group = transform("group", "aggregate", "read", aggregates=made)
    outcome = run_inside(databases, source("read", "people"), group, target("write", "t", "group"))
    assert (counts(outcome), inside(outcome)) == ({"read": 0, "group": 1, "write": 1}, {True})
    assert databases.in_source("select first from t") == [(None,)]


def test_names_are_one_group_only_if_they_are_the_same(databases: Databases) -> None:
    """Whatever the collation of the column takes for equal."""
    databases.in_source(
        "create collation loose "
        "(provider = icu, locale = 'und-u-ks-level1', deterministic = false)",
        "create table people (id int, name text collate loose)",
        "insert into people values (1, 'a'), (2, 'A'), (3, 'á'), (4, 'a')",
        "create table t (name text, people bigint)",
    )
    made = [{"name": "people", "function": "count"}]
    group = transform("group", "aggregate", "read", group_by=["name"], aggregates=made)
    outcome = run_inside(databases, source("read", "people"), group, target("write", "t", "group"))
    assert inside(outcome) == {True}
    found = databases.in_source('select name, people from t order by name collate "C"')
    assert found == [("A", 1), ("a", 2), ("á", 1)]


@pytest.mark.parametrize(
    ("function", "column"),
    [("avg", "pay"), ("max", "name"), ("string_agg", "name"), ("count_distinct", "id")],
)
def test_other_aggregates_leave_the_database(
    databases: Databases, function: str, column: str
) -> None:
    databases.in_source(*PEOPLE, "create table t (v text)")
    made = [{"name": "v", "function": function, "column": column}]
    group = transform("group", "aggregate", "read", group_by=["code"], aggregates=made)
    cast = transform("cast", "select", "group", columns=[{"name": "v", "type": "text"}])
    outcome = run_inside(
        databases, source("read", "people"), group, cast, target("write", "t", "cast")
    )
    assert inside(outcome) == {False}


def test_a_run_that_is_repeated_loads_once(databases: Databases) -> None:
    databases.in_source(*PEOPLE)
    for _ in range(2):
        run_inside(databases, *chain()).raise_failure()
    assert databases.in_source("select count(*) from rich") == [(100,)]


def test_an_index_hides_no_rows_from_the_count(databases: Databases) -> None:
    databases.in_source(*PEOPLE, "create index on people (pay)", "analyze people")
    assert counts(run_inside(databases, *chain())) == COUNTS


def test_rows_that_a_source_filters_are_none_of_its_own(databases: Databases) -> None:
    databases.in_source(*PEOPLE)
    read = source("read", "people", filter="id between 11 and 20")
    keep = transform("keep", "filter", "read", condition="id in (11, 12, 5)")
    outcome = run_inside(databases, read, keep, target("write", "rich", "keep"))
    assert counts(outcome) == {"read": 10, "keep": 2, "write": 2}
    assert inside(outcome) == {True}


@pytest.mark.parametrize(
    "condition", ["pay / 2 > 1", "upper(name) = 'P1'", "length(name) > 2", "name like 'p%'"]
)
def test_what_is_not_on_the_list_leaves_the_database(databases: Databases, condition: str) -> None:
    databases.in_source(*PEOPLE)
    keep = transform("keep", "filter", "read", condition=condition)
    outcome = run_inside(databases, source("read", "people"), keep, target("write", "rich", "keep"))
    assert inside(outcome) == {False}


@pytest.mark.parametrize(
    "statement",
    [
        "create trigger t before update on rich for each row "
        "execute function suppress_redundant_updates_trigger()",
        "create rule r as on insert to rich where new.id < 0 do instead nothing",
        "alter table people rename to others; create view people as select * from others",
    ],
)
def test_rows_of_tables_that_do_more_leave_the_database(
    databases: Databases, statement: str
) -> None:
    databases.in_source(*PEOPLE, *statement.split("; "))
    assert inside(run_inside(databases, *chain())) == {False}


def test_another_role_is_another_database(databases: Databases) -> None:
    databases.in_source(*PEOPLE)
    one, other = (connection(databases.source_url, **c) for c in ({}, {"sslmode": "disable"}))
    made = plan(chain(), {"source": one, "target": other})
    assert inside(run(made, run_id="r", secrets=secrets)) == {False}


def test_a_failure_names_the_node_to_blame(databases: Databases) -> None:
    databases.in_source(*PEOPLE, "insert into people values (2147483647, 'max', 'c', 1)")
    made = [{"name": "id", "expression": "id + 1"}]
    more = transform("more", "expression", "read", columns=made)
    (failure,) = run_inside(
        databases, source("read", "people"), more, target("write", "rich", "more")
    ).failures
    assert failure.step == "more"
    assert databases.in_source("select count(*) from rich") == [(0,)]


def test_a_value_that_cannot_be_read_fails_here_as_well(databases: Databases) -> None:
    databases.in_source(*PEOPLE, "insert into people values (1, 'x', 'c', 'NaN')")
    assert "does not fit" in str(run_inside(databases, *chain()).failures[0])


def test_a_value_that_is_only_carried_need_not_be_read(databases: Databases) -> None:
    databases.in_source(
        "create table s as select 1 as id, 'NaN'::numeric(12,2) as pay",
        "create table t (id int, paid numeric(12,2))",
    )
    columns = [{"name": "id"}, {"name": "pay", "rename": "paid"}]
    pick = transform("pick", "select", "read", columns=columns)
    outcome = run_inside(databases, source("read", "s"), pick, target("write", "t", "pick"))
    assert inside(outcome) == {True}
    assert databases.in_source("select id, paid::text from t") == [(1, "NaN")]


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("filter", {"condition": "paid > 0"}),
        ("expression", {"columns": [{"name": "paid", "expression": "paid * 2"}]}),
        ("select", {"columns": [{"name": "id"}, {"name": "paid", "type": "decimal(14,2)"}]}),
    ],
)
def test_a_renamed_value_that_is_used_must_be_read(
    databases: Databases, kind: str, config: dict[str, Any]
) -> None:
    databases.in_source(
        "create table s as select 1 as id, 'NaN'::numeric(12,2) as pay",
        "create table t (id int, paid numeric(14,2))",
    )
    columns = [{"name": "id"}, {"name": "pay", "rename": "paid"}]
    pick = transform("pick", "select", "read", columns=columns)
    use = transform("use", kind, "pick", **config)
    outcome = run_inside(databases, source("read", "s"), pick, use, target("write", "t", "use"))
    assert "does not fit" in str(outcome.failures[0])


@pytest.mark.parametrize(
    ("type_", "into", "value"),
    [
        ("text", "varchar(3)", "'a  '"),
        ("varchar(5)", "char(4)", "'é'"),
        ("char(4)", "text", "'a'"),
        ("int8", "int2", "32767"),
        ("numeric(10,4)", "numeric(10,2)", "'-1.2350'"),
        ("int4", "numeric", "7"),
        ("jsonb", "jsonb", """'{"b": 1, "a": [1.50]}'"""),
        ("timestamptz", "timestamptz", "'infinity'"),
        ("interval", "interval", "'1 mon -1 day'"),
        ("float8", "float8", "'NaN'"),
    ],
)
def test_values_arrive_as_by_the_other_way(
    databases: Databases, type_: str, into: str, value: str
) -> None:
    databases.in_source(
        f"create table s as select {value}::{type_} as v", f"create table t (v {into})"
    )
    loaded = []
    for way in (True, False):
        write = target("write", "t", "read", "replace", config={"inside_database": way})
        outcome = run_inside(databases, source("read", "s"), write, run_id=str(way))
        assert inside(outcome) == {way}
        loaded.append(databases.in_source("select v::text, octet_length(v::text) from t"))
    assert loaded[0] == loaded[1]
