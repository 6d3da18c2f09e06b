from __future__ import annotations

from typing import Any

import pytest
from running import Table, columns, issues, rows

CHANGES = Table(
    "id INTEGER; day DATE; name VARCHAR",
    """VALUES (1, '2024-01-02', 'b'), (1, '2024-01-01', 'a'), (2, '2024-01-05', 'c'),
       (NULL, '2024-01-01', 'n'), (NULL, '2024-01-02', 'm'), (1, NULL, 'z')""",
)


def names(config: dict[str, Any]) -> list[str]:
    return sorted(row[2] for row in rows("deduplicate", config, CHANGES))


@pytest.mark.parametrize(
    ("direction", "keep", "expected"),
    [
        ("asc", "first", ["a", "c", "n"]),
        ("asc", "last", ["c", "m", "z"]),
        ("desc", "first", ["b", "c", "m"]),
        ("desc", "last", ["c", "n", "z"]),
    ],
)
def test_one_row_per_key_is_kept_by_the_order(
    direction: str, keep: str, expected: list[str]
) -> None:
    order = [{"column": "day", "direction": direction}]
    assert names({"key": ["ID"], "order_by": order, "keep": keep}) == expected


def test_without_an_order_arrival_decides() -> None:
    assert names({"key": ["id"]}) == ["b", "c", "n"]
    assert names({"key": ["id"], "keep": "last"}) == ["c", "m", "z"]


def test_without_a_key_equal_rows_make_one() -> None:
    twice = Table("a INTEGER; b VARCHAR", "VALUES (1, 'x'), (1, 'x'), (NULL, NULL), (NULL, NULL)")
    assert sorted(rows("deduplicate", {}, twice), key=str) == [(1, "x"), (None, None)]


def test_columns_stay_as_they_are() -> None:
    table = Table("arrival INTEGER; x VARCHAR", "VALUES (9, 'a'), (8, 'b')")
    assert columns("deduplicate", {"key": ["arrival"]}, table)[0] == ("arrival", "INTEGER")
    assert sorted(rows("deduplicate", {"key": ["arrival"]}, table)) == [(8, "b"), (9, "a")]


def test_arrival_is_the_order_of_many_rows_too() -> None:
    many = Table("k BIGINT; x BIGINT", "SELECT range % 3, range FROM range(400000)")
    assert sorted(rows("deduplicate", {"key": ["k"]}, many)) == [(0, 0), (1, 1), (2, 2)]


def test_unknown_columns_are_addressed() -> None:
    config = {"key": ["id", "no"], "order_by": [{"column": "dya"}]}
    assert issues("deduplicate", config, CHANGES) == [
        ("unknown_column", "key.1"),
        ("unknown_column", "order_by.0.column"),
    ]
