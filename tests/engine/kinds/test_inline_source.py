from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from running import columns, issues, rows

from engine.configuring import parse_config
from engine.kinds.inline_source import InlineSourceConfig

CONFIG = {
    "columns": [
        {"name": "code"},
        {"name": "rate", "type": "numeric(20,10)"},
        {"name": "from", "type": "date"},
        {"name": "ok", "type": "bool"},
    ],
    "rows": [
        ["it's", "1234567890.0123456789", "2024-02-29", True],
        [7, 0.1, None, "no"],
    ],
}


def test_values_arrive_as_the_types_of_their_columns() -> None:
    assert rows("inline_source", CONFIG) == [
        ("it's", Decimal("1234567890.0123456789"), date(2024, 2, 29), True),
        ("7", Decimal("0.1"), None, False),
    ]


def test_the_columns_are_known_without_rows() -> None:
    empty = CONFIG | {"rows": []}
    assert [type_ for _, type_ in columns("inline_source", empty)] == [
        "VARCHAR",
        "DECIMAL(20,10)",
        "DATE",
        "BOOLEAN",
    ]
    assert rows("inline_source", empty) == []


@pytest.mark.parametrize(
    ("type_", "cell"),
    [
        ("integer", "x"),
        ("integer", "1.5"),
        ("smallint", 70_000),
        ("decimal(5,2)", "1.005"),
        ("decimal(5,2)", 12345.6),
        ("decimal(5,2)", "1e-7"),
        ("date", "2024-02-30"),
        ("boolean", "maybe"),
    ],
)
def test_a_value_that_does_not_fit_its_type_is_addressed(type_: str, cell: Any) -> None:
    config = {"columns": [{"name": "a", "type": type_}], "rows": [[None], [cell]]}
    assert issues("inline_source", config) == [("bad_literal", "rows.1.0")]


@pytest.mark.parametrize("cell", ["1.500", 2, "-0.25", "3."])
def test_zeros_that_a_type_leaves_out_are_no_digits(cell: Any) -> None:
    config = {"columns": [{"name": "a", "type": "decimal(5,2)"}], "rows": [[cell]]}
    assert issues("inline_source", config) == []


def test_findings_about_columns_are_addressed() -> None:
    config = {"columns": [{"name": "a"}, {"name": "A", "type": "blop"}], "rows": [["1", "2"]]}
    assert issues("inline_source", config) == [
        ("duplicate_column", "columns.1.name"),
        ("unknown_type", "columns.1.type"),
    ]


def test_a_row_has_a_value_for_each_column() -> None:
    _, (issue,) = parse_config(InlineSourceConfig, CONFIG | {"rows": [["a"]]})
    assert (issue.code, issue.field) == ("setting_invalid", "rows.0")
    assert "1 values for 4 columns" in issue.message
