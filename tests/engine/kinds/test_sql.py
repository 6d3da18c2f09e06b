from __future__ import annotations

from typing import Any

import pytest
from running import Table, bound, columns, issues, rows

from engine.issue import Severity

ORDERS = Table(
    "id INTEGER; who INTEGER; total DECIMAL(8,2)", "VALUES (1, 7, 10), (2, 8, 5), (3, 7, 1)"
)
PEOPLE = Table("id INTEGER; Name VARCHAR", "VALUES (7, 'ann'), (8, 'bob')")


def one(sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    return rows("sql", {"inputs": ["orders"], "sql": sql}, ORDERS, **parameters)


def two(sql: str) -> list[tuple[Any, ...]]:
    return rows("sql", {"inputs": ["orders", "people"], "sql": sql}, ORDERS, PEOPLE)


def test_inputs_are_read_like_tables() -> None:
    found = two(
        "WITH big AS (SELECT * FROM ORDERS WHERE total > 1) SELECT p.name, sum(o.total) AS total "
        "FROM people p JOIN big o ON o.who = p.id GROUP BY ALL ORDER BY 1"
    )
    assert [(name, float(total)) for name, total in found] == [("ann", 10), ("bob", 5)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select id from orders order by total desc limit 1 offset 1", [(2,)]),
        ("select a.id from orders a join orders b on a.id = b.id + 2", [(3,)]),
        ("select id from orders qualify rank() over (partition by who order by id) = 2", [(3,)]),
        ("select count(*) filter (where total > 1), count(distinct who) from orders", [(2, 2)]),
        ("select id from orders o where exists (select 1 from orders where id = o.id + 2)", [(1,)]),
        ("select string_agg(cast(id as varchar), '-' order by id desc) from orders", [("3-2-1",)]),
        ("select initcap('a b'), nvl(null, id) from orders where id = 2", [("A B", 2)]),
        ("select lag(id, 1) over (order by id) from orders order by id limit 2", [(None,), (1,)]),
        ("select id from orders where id = $wanted", [(3,)]),
        ("select isnull(id = null) and contains('a' || 'b', 'ab') from orders limit 1", [(True,)]),
        ("select id from orders where 'a%b' not like '_!%c' escape '!' and id = 3", [(3,)]),
        ("select 1 as id union select id from orders where id in (1, 2) order by 1", [(1,), (2,)]),
        ("select who, sum(id) from orders group by rollup (who) having who is null", [(None, 6)]),
        ("select extract(year from date '2024-05-01' + interval '1' year), a.id from orders a "
         "join orders b on a.id = b.id + 2", [(2025, 3)]),
    ],
)  # fmt: skip
def test_what_a_select_can_do(sql: str, expected: list[tuple[Any, ...]]) -> None:
    assert one(sql, wanted=3) == expected


def test_types_are_known_beforehand() -> None:
    config = {
        "inputs": ["orders"],
        "sql": "select who as Who, max(total) as m from orders group by 1",
    }
    assert columns("sql", config, ORDERS) == [("Who", "INTEGER"), ("m", "DECIMAL(8,2)")]


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        'select * from "data.parquet"',
        "select * from range(10)",
        "select * from duckdb_settings()",
        "select * from duckdb_databases",
        "select * from sqlite_master",
        "select * from information_schema.tables",
        "select * from pg_catalog.pg_tables",
        'select * from "node 0"',
        'select * from main."node 0"',
        "select * from (with duckdb_databases as (select 1) select 1), duckdb_databases",
        "with orders as (select * from duckdb_databases) select * from orders",
        "with x as (select * from y), y as (select 1) select * from x",
        "with recursive x as (select 1 union all select * from x) select * from x, orders",
        "select * from postgres_query('p', 'select 1')",
        "select getenv('HOME') from orders",
        "select current_setting('memory_limit') from orders",
        "select query('select 1') from orders",
        "select repeat('x', 1000000000) from orders",
        "select lpad('x', 100000000, 'y') from orders",
        "select error('x') from orders",
        "select unnest(range(1000000000)) from orders",
        "select [x for x in range(9)] from orders",
        "select list_transform([1], x -> x) from orders",
        "select regexp_matches('a', 'b') from orders",
        "select id.upper() from orders",
        "select columns(*) from orders",
        "select * from orders tablesample 10%",
        "select * from orders for update",
        "select id into other from orders",
        "select * from orders, lateral (select 1)",
        "select * from orders pivot (sum(id) for who in (1))",
        "select #1 from orders",
        "select * from orders at (version => 1)",
        "select a.b.c.d from orders",
        "select id from orders; drop table orders",
        "select id from orders where 'a' like id",
        "select cast(id as integer[]) from orders",
        "copy orders to '/tmp/x'",
        "attach 'x.db'",
        "pragma database_list",
        "set memory_limit = '1TB'",
        "insert into orders select 1",
        "drop table orders",
        "create table x as select 1",
        "install httpfs",
        "values (1)",
        "summarize orders",
        "show tables",
        "id + 1",
        "select $$ from orders",
        "",
    ],
)
def test_nothing_but_the_inputs_can_be_reached(sql: str) -> None:
    found = bound("sql", {"inputs": ["orders"], "sql": sql or " "}, ORDERS)
    assert found.issues and found.issues[0].field == "sql"
    assert found.sql == {}


def test_an_unknown_input_is_suggested() -> None:
    (issue,) = bound("sql", {"inputs": ["orders"], "sql": "select * from order_s"}, ORDERS).issues
    assert (issue.code, issue.field) == ("unknown_input", "sql")
    assert "did you mean 'orders'?" in issue.message


@pytest.mark.parametrize(
    ("sql", "code", "field"),
    [
        ("select nope from orders", "type_mismatch", "sql"),
        ("select median_of(id) from orders", "unknown_function", "sql"),
        ("select round() from orders", "expression_syntax", "sql"),
        ("select $nope from orders", "unknown_parameter", "sql"),
        ("select 1 as one", "unused_input", "inputs.0"),
        ("select id, who as ID from orders", "duplicate_column", "sql"),
    ],
)
def test_findings_are_addressed(sql: str, code: str, field: str) -> None:
    assert issues("sql", {"inputs": ["orders"], "sql": sql}, ORDERS) == [(code, field)]


def test_a_name_of_a_column_may_be_anything() -> None:
    table = Table("select INTEGER; it's INTEGER", "VALUES (1, 2)")
    config = {"sql": 'select "select", "it\'s" as "a ""b" from "in"'}
    assert rows("sql", config, table) == [(1, 2)]
    assert columns("sql", config, table)[1][0] == 'a "b'


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("select * from orders where total > 'abc'", "bad_literal"),
        ("select o.id from orders o join people p on o.who = p.name", "implicit_cast"),
        ("select o.id from orders o join named n using (who)", "implicit_cast"),
        ("select id from orders union all select name from people", "implicit_cast"),
        ("select * from people where born > '2024-13-01'", "bad_literal"),
        ("select * from people where name and id = 1", "not_boolean"),
        ("select cast('x' as integer) as n from orders", "bad_literal"),
        ("select count(*) as n from people where name = id", "implicit_cast"),
        ("select id = name as same from people", "implicit_cast"),
        ("with few as (select who as name from orders) select * from few where name = 5", None),
        ("select * from people p where p.name in (select name from people) and p.id > 1", None),
        ("select sum(o.total) as s from orders o group by o.who having sum(o.total) > 5", None),
        ("select id from orders union all by name select id from people", None),
    ],
)
def test_what_duckdb_would_convert_silently_is_an_issue(sql: str, code: str | None) -> None:
    people = Table("id INTEGER; name VARCHAR; born DATE", "VALUES (7, 'ann', DATE '2000-01-01')")
    named = Table("who VARCHAR", "VALUES ('ann')")
    inputs = {"orders": ORDERS, "people": people, "named": named}
    read = [name for name in inputs if name in sql]
    found = issues("sql", {"inputs": read, "sql": sql}, *(inputs[name] for name in read))
    assert [i[0] for i in found] == ([code] if code else [])


@pytest.mark.parametrize(
    ("sql", "is_held"),
    [
        ("select who, string_agg(cast(id as varchar), ',') from orders group by who", True),
        ("select o.who, max(p.name) from orders o join people p on true group by 1", True),
        ("select who, max(name) from orders, people group by all", True),
        ("select who, max(total) from orders group by who", False),
        ("select string_agg(name, ',') from people", False),
        ("select id from (select who as id, first(name) from orders, people group by 1)", True),
    ],
)
def test_groups_that_keep_texts_in_memory_are_a_warning(sql: str, is_held: bool) -> None:
    found = bound("sql", {"inputs": ["orders", "people"], "sql": sql}, ORDERS, PEOPLE).issues
    held = [issue for issue in found if issue.code == "memory_held"]
    assert [(i.severity, i.node, i.field) for i in held] == (
        [(Severity.WARNING, "node", "sql")] if is_held else []
    )
