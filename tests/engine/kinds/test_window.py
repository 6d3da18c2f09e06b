from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from running import Table, columns, issues, rows

BOOKINGS = Table(
    "account VARCHAR; id INTEGER; amount DECIMAL(10,2)",
    """VALUES ('a', 1, 10.00), ('a', 2, -2.50), ('a', 3, NULL), ('b', 4, 1.00),
       (NULL, 5, 7.00), (NULL, 6, 7.00)""",
)


def made(function: str, order: str = "id", **more: Any) -> list[Any]:
    """What a function makes of each row, in the order of ids."""
    config = {
        "partition_by": ["account"],
        "order_by": [{"column": order}],
        "columns": [{"name": "made", "function": function, **more}],
    }
    return [row[3] for row in sorted(rows("window", config, BOOKINGS), key=lambda row: row[1])]


@pytest.mark.parametrize(
    ("function", "order", "expected"),
    [
        ("row_number", "id", [1, 2, 3, 1, 1, 2]),
        ("rank", "amount", [2, 1, 3, 1, 1, 1]),
        ("dense_rank", "amount", [2, 1, 3, 1, 1, 1]),
    ],
)
def test_rows_are_numbered_within_their_group(
    function: str, order: str, expected: list[int]
) -> None:
    assert made(function, order) == expected


def test_a_running_sum_goes_to_the_row_itself() -> None:
    found = made("running_sum", column="amount")
    assert found == [Decimal(x) for x in ("10", "7.5", "7.5", "1", "7", "14")]


def test_neighbors_are_of_the_same_group() -> None:
    assert made("lag", column="id") == [None, 1, 2, None, None, 5]
    assert made("lead", column="id", offset=2) == [3, None, None, None, None, None]


def test_sums_have_exact_types() -> None:
    config = {
        "order_by": [{"column": "id"}],
        "columns": [
            {"name": "n", "function": "running_sum", "column": "id"},
            {"name": "s", "function": "running_sum", "column": "amount"},
            {"name": "before", "function": "lag", "column": "amount"},
        ],
    }
    assert columns("window", config, BOOKINGS)[3:] == [
        ("n", "BIGINT"),
        ("s", "DECIMAL(38,2)"),
        ("before", "DECIMAL(10,2)"),
    ]


def test_findings_are_addressed() -> None:
    config = {
        "partition_by": ["acount"],
        "order_by": [{"column": "no"}],
        "columns": [
            {"name": "ID", "function": "row_number"},
            {"name": "x", "function": "running_sum", "column": "account"},
            {"name": "y", "function": "lag", "column": "gone"},
        ],
    }
    assert issues("window", config, BOOKINGS) == [
        ("duplicate_column", "columns.0.name"),
        ("unknown_column", "partition_by.0"),
        ("unknown_column", "order_by.0.column"),
        ("implicit_cast", "columns.1.column"),
        ("unknown_column", "columns.2.column"),
    ]
