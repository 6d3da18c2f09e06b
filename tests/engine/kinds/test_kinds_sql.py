"""Transforms, run over real rows."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from engine.errors import ExpressionError
from engine.kind import Context
from engine.registry import kinds
from engine.schema import Schema, quote

PEOPLE = Schema.of([("id", "INTEGER"), ("Name", "VARCHAR"), ("pay", "DECIMAL(8,2)")])
TEAMS = Schema.of([("id", "INTEGER"), ("team", "VARCHAR"), ("lead id", "VARCHAR")])
ROWS = {
    "people": "VALUES (1, 'ann', 10.00), (2, 'bob', NULL), (3, NULL, 30.00)",
    "teams": "VALUES (1, 'red', '3'), (4, 'blue', '1')",
}


def inputs(kind: str) -> dict[str, Schema]:
    return {"left": PEOPLE, "right": TEAMS} if kind == "join" else {"in": PEOPLE}


def rows(kind: str, config: dict[str, Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and sorted rows that a transform makes of PEOPLE (and TEAMS)."""
    transform = kinds()[kind]
    sql = transform.sql(transform.Config.model_validate(config), inputs(kind), Context())
    named = zip(inputs(kind).items(), (ROWS["people"], ROWS["teams"]), strict=False)
    relations = ", ".join(
        f"{quote(port)} AS (SELECT * FROM ({values}) AS t({', '.join(map(quote, schema.names))}))"
        for (port, schema), values in named
    )
    result = duckdb.connect().execute(f"WITH {relations} {sql} ORDER BY ALL")
    return [column[0] for column in result.description], result.fetchall()


def issues(kind: str, config: dict[str, Any]) -> list[tuple[str, str]]:
    transform = kinds()[kind]
    found = transform.check(transform.Config.model_validate(config), inputs(kind), Context())
    return [(issue.code, issue.field) for issue in found]


def test_filter_lets_true_pass_and_neither_false_nor_null() -> None:
    assert rows("filter", {"condition": "pay > 10 or name = 'bob'"})[1] == [
        (2, "bob", None),
        (3, None, 30),
    ]


def test_filter_wants_a_condition() -> None:
    assert issues("filter", {"condition": "pay"}) == [("not_boolean", "condition")]


def test_expression_replaces_in_place_and_adds_at_the_end() -> None:
    columns = [
        {"name": "bonus", "expression": "pay * 2"},
        {"name": "NAME", "expression": "upper(coalesce(name, 'none'))"},
    ]
    names, found = rows("expression", {"columns": columns})
    assert names == ["id", "NAME", "pay", "bonus"]
    assert found[0] == (1, "ANN", 10, 20)


def test_expression_addresses_each_finding() -> None:
    columns = [{"name": "a", "expression": "nope"}, {"name": "A", "expression": "name = id"}]
    assert issues("expression", {"columns": columns}) == [
        ("duplicate_column", "columns.1.name"),
        ("unknown_column", "columns.0.expression"),
        ("implicit_cast", "columns.1.expression"),
    ]


def test_select_chooses_orders_renames_and_casts() -> None:
    columns = [{"name": "pay", "type": "integer"}, {"name": "NAME", "rename": "who"}]
    names, found = rows("select", {"columns": columns})
    assert names == ["pay", "who"]
    assert found[0] == (10, "ann")


def test_select_addresses_each_finding() -> None:
    columns = [
        {"name": "nam"},
        {"name": "id", "type": "intger"},
        {"name": "pay", "rename": "ID"},
        {"name": "pay", "type": "date"},
    ]
    assert issues("select", {"columns": columns}) == [
        ("duplicate_column", "columns.2.rename"),
        ("unknown_column", "columns.0.name"),
        ("unknown_type", "columns.1.type"),
        ("impossible_cast", "columns.3.type"),
    ]


def test_select_refuses_to_make_sql_of_a_column_that_is_not_there() -> None:
    with pytest.raises(ExpressionError, match="did you mean 'Name'"):
        rows("select", {"columns": [{"name": "nam"}]})


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        ("inner", {(1, 1)}),
        ("left", {(1, 1), (2, None), (3, None)}),
        ("right", {(1, 1), (None, 4)}),
        ("full", {(1, 1), (2, None), (3, None), (None, 4)}),
    ],
)
def test_join_keeps_the_rows_its_type_says(type_: str, expected: set[Any]) -> None:
    names, found = rows("join", {"type": type_, "on": [{"left": "id", "right": "id"}]})
    assert names == ["id", "Name", "pay", "id_right", "team", "lead id"]
    assert {(row[0], row[3]) for row in found} == expected


def test_join_compares_as_told_and_chooses_columns() -> None:
    config = {
        "on": [{"left": "id", "operator": "<", "right": "ID"}],
        "columns": [
            {"side": "right", "name": "team", "rename": "of"},
            {"side": "left", "name": "name"},
        ],
    }
    names, found = rows("join", config)
    assert names == ["of", "name"]
    assert found == [("blue", "ann"), ("blue", "bob"), ("blue", None)]


def test_join_addresses_keys_of_different_types_and_clashing_names() -> None:
    config = {
        "on": [{"left": "id", "right": "lead id"}, {"left": "idd", "right": "id"}],
        "columns": [{"side": "left", "name": "id"}, {"side": "right", "name": "id"}],
    }
    assert issues("join", config) == [
        ("duplicate_column", "columns.1.rename"),
        ("implicit_cast", "on.0.right"),
        ("unknown_column", "on.1.left"),
    ]
