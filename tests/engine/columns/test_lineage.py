from __future__ import annotations

from typing import Any

import pytest
from pipelines import join, source, target, transform

from engine.columns.binding import bind
from engine.columns.lineage import Lineage, lineage
from engine.plan import Input, Step
from engine.registry import kinds
from engine.schema import Column, Schema

ORDERS = Schema.of([("id", "BIGINT"), ("Amount", "DECIMAL(10,2)"), ("who", "VARCHAR")])
PEOPLE = Schema.of([("id", "VARCHAR"), ("name", "VARCHAR")])
TABLE = (Column("id", "BIGINT"), Column("total", "DECIMAL(12,2)"))


def traced(*steps: Step) -> Lineage:
    given = {"orders": ORDERS, "people": PEOPLE}
    bound = bind(steps, given, kinds(), {}, {"write": TABLE})
    return lineage(steps, bound.sql, given | bound.schemas, {"write": TABLE}, kinds())


def of(kind: str, config: dict[str, Any]) -> dict[str, list[tuple[str, str]]]:
    return traced(source("orders", "orders"), transform("node", kind, "orders", **config))["node"]


SAME = {name: [("orders", name)] for name in ORDERS.names}


@pytest.mark.parametrize(
    ("kind", "config", "expected"),
    [
        ("filter", {"condition": "id > 1 and who = 'x'"}, SAME),
        ("sort", {"order_by": [{"column": "id"}]}, SAME),
        (
            "expression",
            {"columns": [{"name": "x", "expression": "amount * id + 1"}]},
            {**SAME, "x": [("orders", "Amount"), ("orders", "id")]},
        ),
        (
            "select",
            {"columns": [{"name": "AMOUNT", "rename": "total"}, {"name": "id"}]},
            {"total": [("orders", "Amount")], "id": [("orders", "id")]},
        ),
        (
            "sql",
            {"sql": 'with t as (select who, amount * 2 as d from "in") select who, sum(d) as s, '
                    "1 as one from t group by who"},
            {"who": [("orders", "who")], "s": [("orders", "Amount")], "one": []},
        ),
    ],
)  # fmt: skip
def test_a_column_is_made_of(kind: str, config: dict[str, Any], expected: Any) -> None:
    assert of(kind, config) == expected


def test_every_kind_of_transform_can_be_followed() -> None:
    """What an aggregate, a window, a pivot gather comes from where they take it."""
    grouped = of("aggregate", {"group_by": ["who"], "aggregates": [
        {"function": "sum", "column": "amount", "name": "total"}]})  # fmt: skip
    assert grouped == {"who": [("orders", "who")], "total": [("orders", "Amount")]}


def test_both_sides_of_a_join_are_told_apart() -> None:
    found = traced(
        source("orders", "orders"),
        source("people", "people"),
        join("both", "orders", "people", on="id").model_copy(
            update={"config": {"type": "inner", "on": [{"left": "who", "right": "id"}]}}
        ),
    )["both"]
    assert found["name"] == [("people", "name")]
    assert found["Amount"] == [("orders", "Amount")]


def test_a_union_has_the_columns_of_all() -> None:
    union = Step(
        key="all",
        name="all",
        kind="union",
        config={"inputs": 2},
        inputs=(Input(port="in1", step="orders"), Input(port="in2", step="more")),
    )
    rename = transform("more", "select", "orders", columns=[
        {"name": "id"}, {"name": "amount"}, {"name": "who"}])  # fmt: skip
    found = traced(source("orders", "orders"), rename, union)["all"]
    assert found["id"] == [("orders", "id"), ("more", "id")]


def test_a_target_has_the_columns_of_its_table() -> None:
    pairs = {"columns": [{"column": "amount", "target": "total"}]}
    found = traced(source("orders", "orders"), target("write", "t", "orders", config=pairs))
    assert found["write"] == {"total": [("orders", "Amount")]}


def test_columns_of_a_source_come_from_nowhere_inside() -> None:
    assert traced(source("orders", "orders"))["orders"] == {name: [] for name in ORDERS.names}


def test_what_a_function_returns_may_come_from_all_that_it_takes() -> None:
    code = "def transform(table):\n    return table\n"
    found = of("python", {"code": code, "columns": [{"name": "x", "type": "bigint"}]})
    assert found == {"x": [("orders", "Amount"), ("orders", "id"), ("orders", "who")]}
