from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from running import Table, columns, issues, rows

SALES = Table(
    "shop VARCHAR; month INTEGER; day DATE; amount DECIMAL(8,2)",
    """VALUES ('a', 1, '2024-01-01', 10.00), ('a', 1, '2024-01-02', 5.00), ('a', 2, NULL, 1.00),
       ('b', NULL, '2024-01-01', 2.00), ('b', 9, '2024-01-01', 99.00)""",
)


def pivot(*values: tuple[Any, str], **more: Any) -> dict[str, Any]:
    listed = [{"value": value, "name": name} for value, name in values]
    config = {"group_by": ["shop"], "column": "month", "values": listed, "of": "amount"}
    return config | more


def test_listed_values_become_columns_and_others_none() -> None:
    found = rows("pivot", pivot((1, "jan"), (2, "feb"), (None, "unknown")), SALES)
    assert sorted(found) == [
        ("a", Decimal(15), Decimal(1), None),
        ("b", None, None, Decimal(2)),
    ]


def test_the_columns_are_known_beforehand_with_exact_types() -> None:
    config = pivot((1, "jan"), (2, "feb"), function="avg")
    assert columns("pivot", config, SALES) == [
        ("shop", "VARCHAR"),
        ("jan", "DECIMAL(38,8)"),
        ("feb", "DECIMAL(38,8)"),
    ]


def test_rows_are_counted_in_all_where_there_is_no_group() -> None:
    config = pivot((1, "jan"), (3, "mar"), group_by=[], function="count", of="")
    assert rows("pivot", config, SALES) == [(2, 0)]


def test_an_average_is_of_the_rows_with_the_value() -> None:
    config = pivot((1, "jan"), group_by=[], function="avg")
    assert rows("pivot", config, SALES) == [(Decimal("7.5"),)]


def test_dates_are_written_as_text() -> None:
    config = pivot(("2024-01-01", "first"), column="day", group_by=[], function="count", of="")
    assert rows("pivot", config, SALES) == [(3,)]


@pytest.mark.parametrize(
    ("value", "code"), [("x", "bad_literal"), ("1", "implicit_cast"), (True, "implicit_cast")]
)
def test_a_value_fits_the_column(value: Any, code: str) -> None:
    assert issues("pivot", pivot((value, "v")), SALES) == [(code, "values.0.value")]


def test_findings_are_addressed() -> None:
    config = pivot((1, "SHOP"), (2, "b"), (3, "B"), column="mon", of="amont")
    assert issues("pivot", config, SALES) == [
        ("duplicate_column", "values.0.name"),
        ("duplicate_column", "values.2.name"),
        ("unknown_column", "column"),
        ("unknown_column", "of"),
    ]
