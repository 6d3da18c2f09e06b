from __future__ import annotations

from running import Table, issues, rows

NAMES = Table("n INTEGER; s VARCHAR", "VALUES (2, 'b'), (NULL, 'é'), (2, 'B'), (1, NULL), (3, 'z')")


def sort(*order_by: dict[str, str]) -> list[tuple[object, ...]]:
    return rows("sort", {"order_by": list(order_by)}, NAMES)


def test_nulls_come_last_in_both_directions() -> None:
    assert [n for n, _ in sort({"column": "n"})] == [1, 2, 2, 3, None]
    assert [n for n, _ in sort({"column": "n", "direction": "desc"})] == [3, 2, 2, 1, None]


def test_text_is_compared_by_code_point() -> None:
    assert [s for _, s in sort({"column": "s"})] == ["B", "b", "z", "é", None]


def test_later_columns_decide_where_earlier_are_equal() -> None:
    found = sort({"column": "N", "direction": "desc"}, {"column": "s"})
    assert found[1:3] == [(2, "B"), (2, "b")]


def test_many_rows_arrive_in_order() -> None:
    table = Table("x UBIGINT", "SELECT hash(range) FROM range(500000)")
    found = rows("sort", {"order_by": [{"column": "x"}]}, table)
    assert found == sorted(found)


def test_an_unknown_column_is_addressed() -> None:
    assert issues("sort", {"order_by": [{"column": "n"}, {"column": "m"}]}, NAMES) == [
        ("unknown_column", "order_by.1.column")
    ]
