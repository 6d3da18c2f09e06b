from __future__ import annotations

from decimal import Decimal

from running import Table, columns, issues, rows

MONTHS = Table(
    "id INTEGER; Jan DECIMAL(8,2); feb INTEGER",
    "VALUES (1, 1.50, 2), (2, NULL, 3)",
)
CONFIG = {"columns": ["jan", "FEB"], "name": "month", "value": "amount"}


def test_each_column_makes_a_row_and_null_none() -> None:
    assert sorted(rows("unpivot", CONFIG, MONTHS)) == [
        (1, "Jan", Decimal("1.50")),
        (1, "feb", Decimal("2")),
        (2, "feb", Decimal("3")),
    ]


def test_nulls_make_rows_where_asked_for() -> None:
    assert len(rows("unpivot", CONFIG | {"keep_nulls": True}, MONTHS)) == 4


def test_other_columns_stay_and_the_two_new_ones_follow() -> None:
    assert columns("unpivot", CONFIG, MONTHS) == [
        ("id", "INTEGER"),
        ("month", "VARCHAR"),
        ("amount", "DECIMAL(12,2)"),
    ]


def test_a_name_that_looks_like_sql_is_a_name() -> None:
    table = Table("it's INTEGER", "VALUES (1)")
    assert rows("unpivot", {"columns": ["it's"]}, table) == [("it's", 1)]


def test_findings_are_addressed() -> None:
    table = Table("id INTEGER; a INTEGER; b VARCHAR; value DATE")
    config = {"columns": ["a", "b", "A", "no"], "name": "ID"}
    assert issues("unpivot", config, table) == [
        ("duplicate_column", "columns.2"),
        ("unknown_column", "columns.3"),
        ("implicit_cast", "columns"),
        ("duplicate_column", "name"),
        ("duplicate_column", "value"),
    ]


def test_exact_numbers_among_approximate_ones_are_a_warning() -> None:
    table = Table("a DECIMAL(12,2); b DOUBLE")
    assert issues("unpivot", {"columns": ["a", "b"]}, table) == [("lossy_cast", "columns")]
