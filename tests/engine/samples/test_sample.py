from __future__ import annotations

import json

import duckdb
import pytest

from engine.samples.sample import Clipped, Sample, take


def sample(query: str, most: int = 10, max_cell: int = 500) -> Sample:
    return take(duckdb.connect(), query, most, max_cell)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("NULL", None),
        ("''", ""),
        ("'NULL'", "NULL"),
        ("1.10::DECIMAL(10,2)", "1.10"),
        ("9007199254740993", "9007199254740993"),
        ("'nan'::DOUBLE", "nan"),
        ("'-inf'::DOUBLE", "-inf"),
        ("0.1::DOUBLE", "0.1"),
        ("TIMESTAMP '0001-01-01 00:00:00.000001'", "0001-01-01 00:00:00.000001"),
        ("DATE 'infinity'", "infinity"),
        ("'\\x00a'::BLOB", "\\x00a"),
        ("[1, NULL]", "[1, NULL]"),
        ("true", "true"),
    ],
)
def test_a_value_is_shown_exactly(value: str, shown: str | None) -> None:
    assert sample(f"SELECT {value} AS v").rows == ((shown,),)


def test_a_long_cell_is_cut_and_said_to_be() -> None:
    found = sample("SELECT 1 AS a, repeat('é', 600) AS b", max_cell=5)
    assert found.rows == (("1", "ééééé"),)
    assert found.clipped == (Clipped(0, 1, 600),)


def test_more_rows_are_told() -> None:
    assert sample("SELECT * FROM range(3)", most=2).has_more
    assert not sample("SELECT * FROM range(2)", most=2).has_more


def test_names_may_be_anything() -> None:
    found = sample('SELECT 1 AS "a""b", 2 AS "a b"')
    assert [column.name for column in found.columns] == ['a"b', "a b"]


def test_a_sample_fits_into_what_it_may_take() -> None:
    large = sample("SELECT repeat('x', 100) AS v FROM range(64)", most=64)
    small = large.within(2000)
    assert 0 < len(small.rows) < 64
    assert small.has_more
    assert len(json.dumps(small.as_json())) <= 2000


def test_a_row_that_is_too_wide_shows_less_of_each_cell() -> None:
    wide = sample("SELECT repeat('x', 400) AS a, 'short' AS b, NULL AS c")
    small = wide.within(300)
    assert small.rows[0][1:] == ("short", None)
    assert small.clipped == (Clipped(0, 0, 400),)


def test_a_sample_survives_json() -> None:
    made = sample("SELECT 1 AS a, NULL AS b, repeat('x', 600) AS c")
    assert Sample.of_json(json.loads(json.dumps(made.as_json()))) == made
