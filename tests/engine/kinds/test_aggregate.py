from __future__ import annotations

import random
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import pytest
from running import Table, columns, issues, rows

SALES = Table(
    "id INTEGER; shop VARCHAR; amount DECIMAL(10,2); note VARCHAR",
    """VALUES (1, 'a', 10.00, 'x'), (2, NULL, 5.50, 'y'), (3, 'a', NULL, NULL),
       (4, NULL, 4.50, 'z'), (5, 'b', -1.00, 'w')""",
)


def made(function: str, column: str = "", **more: Any) -> dict[str, Any]:
    return {"name": "made", "function": function, "column": column, **more}


def total(function: str, table: Table, order_by: tuple[str, ...] = (), **more: Any) -> Any:
    """What one function makes of column ``x``, all rows together."""
    order = [{"column": column} for column in order_by]
    ((value,),) = rows(
        "aggregate", {"aggregates": [made(function, "x", **more)], "order_by": order}, table
    )
    return value


def test_null_is_a_group_of_its_own() -> None:
    config = {
        "group_by": ["shop"],
        "aggregates": [made("sum", "amount"), made("count") | {"name": "n"}],
    }
    assert sorted(rows("aggregate", config, SALES), key=str) == [
        ("a", Decimal("10.00"), 2),
        ("b", Decimal("-1.00"), 1),
        (None, Decimal("10.00"), 2),
    ]


def test_without_a_group_there_is_one_total_row_even_of_no_rows() -> None:
    config = {"aggregates": [made("count"), made("sum", "amount") | {"name": "s"}]}
    assert rows("aggregate", config, Table(SALES.columns)) == [(0, None)]


def test_groups_come_before_what_is_made_of_them() -> None:
    config = {"group_by": ["SHOP"], "aggregates": [made("max", "note")]}
    assert columns("aggregate", config, SALES) == [("shop", "VARCHAR"), ("made", "VARCHAR")]


@pytest.mark.parametrize(
    ("type_", "sum_", "avg"),
    [
        ("SMALLINT", "BIGINT", "DECIMAL(38,6)"),
        ("INTEGER", "BIGINT", "DECIMAL(38,6)"),
        ("BIGINT", "DECIMAL(38,0)", "DECIMAL(38,6)"),
        ("DECIMAL(12,2)", "DECIMAL(38,2)", "DECIMAL(38,8)"),
        ("DECIMAL(38,10)", "DECIMAL(38,10)", "DECIMAL(38,10)"),
        ("FLOAT", "DOUBLE", "DOUBLE"),
        ("DOUBLE", "DOUBLE", "DOUBLE"),
    ],
)
def test_sums_and_averages_of_exact_numbers_are_exact(type_: str, sum_: str, avg: str) -> None:
    both = [made("sum", "x"), made("avg", "x") | {"name": "average"}]
    found = columns("aggregate", {"aggregates": both}, Table(f"x {type_}"))
    assert [kind for _, kind in found] == [sum_, avg]


@pytest.mark.parametrize(
    ("type_", "values", "expected"),
    [
        ("INTEGER", "(1), (2), (-5)", "-0.666667"),
        ("INTEGER", "(1), (2), (2)", "1.666667"),
        ("BIGINT", "(9223372036854775807), (9223372036854775806)", "9223372036854775806.5"),
        ("DECIMAL(10,2)", "(-0.01), (-0.02), (NULL)", "-0.015"),
        ("DECIMAL(38,10)", "(12345678.0123456789), (12345678.0123456788)", "12345678.0123456789"),
    ],
)
def test_an_average_is_exact_and_rounded_away_from_zero(
    type_: str, values: str, expected: str
) -> None:
    assert total("avg", Table(f"x {type_}", f"VALUES {values}")) == Decimal(expected)


@pytest.mark.parametrize(
    ("precision", "scale"),
    [(5, 5), (10, 2), (18, 4), (19, 0), (20, 19), (28, 0), (30, 12)],
)
def test_averages_of_any_decimals_are_what_decimals_say(precision: int, scale: int) -> None:
    chance = random.Random(precision)
    places = min(scale + 6, 38 - (precision - scale))
    for _ in range(15):
        top = 10 ** chance.randint(1, min(precision, 37 - 2 * places + scale)) - 1
        units = [chance.randint(-top, top) for _ in range(chance.randint(1, 9))]
        values = ", ".join(f"('{Decimal(unit).scaleb(-scale):f}')" for unit in units)
        with localcontext(prec=80):
            exact = Decimal(sum(units)).scaleb(-scale) / len(units)
            rounded = exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        table = Table(f"x DECIMAL({precision},{scale})", f"VALUES {values}")
        assert total("avg", table) == rounded


def test_a_sum_keeps_digits_that_floating_point_has_not() -> None:
    table = Table("x DECIMAL(30,2)", "VALUES (1234567890123456789012345678.91), (0.02)")
    assert total("sum", table) == Decimal("1234567890123456789012345678.93")


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("count", 3),
        ("count_distinct", 2),
        ("min", 2),
        ("max", 4),
        ("variance", pytest.approx(4 / 3)),
        ("stddev", pytest.approx((4 / 3) ** 0.5)),
    ],
)
def test_nulls_are_left_out(function: str, expected: Any) -> None:
    assert total(function, Table("x INTEGER", "VALUES (2), (NULL), (4), (2)")) == expected


ORDERED = Table(
    "x VARCHAR; day DATE; id INTEGER",
    """VALUES ('c', '2024-01-03', 1), (NULL, '2024-01-09', 2), ('a', '2024-01-01', 3),
       ('b', '2024-01-01', 0), ('d', NULL, 7)""",
)


def test_first_last_and_string_agg_follow_the_order() -> None:
    assert total("first", ORDERED, ("day", "id")) == "b"
    assert total("last", ORDERED, ("id",)) == "d"
    assert total("string_agg", ORDERED, ("day", "id"), separator="'|") == "b'|a'|c'|d"


def test_first_may_be_null() -> None:
    assert total("first", Table("x INTEGER", "VALUES (NULL), (1)")) is None


def test_without_an_order_rows_count_as_they_arrive() -> None:
    many = Table("x BIGINT", "SELECT range FROM range(500000, 0, -1)")
    assert total("first", many) == 500000
    assert total("last", many) == 1


def test_findings_are_addressed() -> None:
    config = {
        "group_by": ["shop", "nope"],
        "aggregates": [
            {"name": "SHOP", "function": "count"},
            {"name": "b", "function": "sum", "column": "note"},
            {"name": "c", "function": "string_agg", "column": "id"},
            {"name": "d", "function": "min", "column": "amont"},
        ],
        "order_by": [{"column": "when"}],
    }
    assert issues("aggregate", config, SALES) == [
        ("duplicate_column", "aggregates.0.name"),
        ("unknown_column", "group_by.1"),
        ("implicit_cast", "aggregates.1.column"),
        ("implicit_cast", "aggregates.2.column"),
        ("unknown_column", "aggregates.3.column"),
        ("unknown_column", "order_by.0.column"),
    ]


def test_only_count_does_without_a_column() -> None:
    from engine.configuring import parse_config
    from engine.kinds.aggregate import AggregateConfig

    _, (issue,) = parse_config(AggregateConfig, {"aggregates": [made("sum")]})
    assert (issue.code, issue.field) == ("setting_missing", "aggregates.0.column")
