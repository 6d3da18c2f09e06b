from __future__ import annotations

import duckdb
import pytest
from running import Table, columns, issues, rows

ORDERS = Table("id INTEGER; who INTEGER", "VALUES (1, 7), (2, 8), (3, NULL), (4, 7)")
PEOPLE = Table("ID INTEGER; name VARCHAR", "VALUES (7, 'ann'), (9, 'bob'), (9, 'bert')")
CONFIG = {
    "on": [{"column": "who", "lookup": "id"}],
    "columns": [{"name": "NAME", "rename": "customer"}],
}


def test_every_row_goes_on_once_with_what_matches() -> None:
    assert sorted(rows("lookup", CONFIG, ORDERS, PEOPLE)) == [
        (1, 7, "ann"),
        (2, 8, None),
        (3, None, None),
        (4, 7, "ann"),
    ]


def test_a_second_match_fails_and_names_the_key() -> None:
    twice = Table(PEOPLE.columns, "VALUES (7, 'ann'), (7, 'anne'), (NULL, 'x'), (NULL, 'y')")
    with pytest.raises(duckdb.Error, match=r"E_LOOKUP: 2 rows of the lookup have id = 7; at most"):
        rows("lookup", CONFIG, ORDERS, twice)


def test_all_parts_of_a_key_must_match() -> None:
    rates = Table("day DATE; currency VARCHAR; rate INTEGER", "VALUES ('2024-01-01', 'EUR', 2)")
    sales = Table("d DATE; c VARCHAR", "VALUES ('2024-01-01', 'EUR'), ('2024-01-01', 'USD')")
    config = {
        "on": [{"column": "d", "lookup": "day"}, {"column": "c", "lookup": "currency"}],
        "columns": [{"name": "rate"}],
    }
    assert sorted(row[1:] for row in rows("lookup", config, sales, rates)) == [
        ("EUR", 2),
        ("USD", None),
    ]


def test_columns_of_the_input_come_first() -> None:
    assert columns("lookup", CONFIG, ORDERS, PEOPLE) == [
        ("id", "INTEGER"),
        ("who", "INTEGER"),
        ("customer", "VARCHAR"),
    ]


def test_findings_are_addressed() -> None:
    config = {
        "on": [{"column": "who", "lookup": "name"}, {"column": "no", "lookup": "nope"}],
        "columns": [{"name": "id"}, {"name": "nam"}],
    }
    assert issues("lookup", config, ORDERS, PEOPLE) == [
        ("duplicate_column", "columns.0.rename"),
        ("unknown_column", "columns.1.name"),
        ("implicit_cast", "on.0.lookup"),
        ("unknown_column", "on.1.column"),
        ("unknown_column", "on.1.lookup"),
    ]
