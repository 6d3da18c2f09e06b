from __future__ import annotations

from typing import Any

import duckdb
import pytest
from running import Table, bound, columns, fill, issues, rows

from engine.configuring import parse_config
from engine.errors import StepFailed
from engine.kind import Context
from engine.probing import ask
from engine.registry import kinds

PEOPLE = Table(
    "id INTEGER; name VARCHAR; day DATE",
    "VALUES (1, 'ann', '2024-01-01'), (1, 'bob', NULL), (2, NULL, '2024-01-02'), (NULL, 'c', NULL)",
)


def probe(*assertions: dict[str, Any]) -> tuple[str, ...]:
    """What asking PEOPLE says."""
    config = {"assertions": list(assertions)}
    found = bound("assert", config, PEOPLE)
    assert found.issues == []
    kind: Any = kinds()["assert"]
    probes = kind.probes(kind.Config.model_validate(config), {"in": PEOPLE.schema}, Context())
    session = duckdb.connect()
    fill(session, "t", PEOPLE)
    return ask(probes, "node", '"t"', session)


def failure(**assertion: Any) -> str:
    with pytest.raises(StepFailed) as failed:
        probe(assertion)
    assert (failed.value.code, failed.value.permanent) == ("E_ASSERTION", True)
    return failed.value.message


@pytest.mark.parametrize(
    ("assertion", "message"),
    [
        (
            {"rule": "not_null", "columns": ["name"]},
            "expected no NULL in 'name', and found (id=2, name=NULL, day=2024-01-02)",
        ),
        (
            {"rule": "unique", "columns": ["ID"]},
            "expected 'ID' to be unique, and found (id=1, rows=2)",
        ),
        (
            {"rule": "accepted", "columns": ["name"], "values": ["ann", "bob"]},
            "expected 'name' to be one of 'ann', 'bob', and found (id=NULL, name='c', day=NULL)",
        ),
        (
            {"rule": "condition", "condition": "id is null or id < 2"},
            "expected 'id is null or id < 2' to be true, "
            "and found (id=2, name=NULL, day=2024-01-02)",
        ),
        (
            {"rule": "row_count", "min_rows": 5, "max_rows": 9},
            "expected at least 5 and at most 9 rows, and found (rows=4)",
        ),
    ],
)
def test_a_broken_assertion_shows_what_breaks_it(assertion: dict[str, Any], message: str) -> None:
    assert failure(**assertion) == message


@pytest.mark.parametrize(
    "assertion",
    [
        {"rule": "unique", "columns": ["id", "name"]},
        {"rule": "unique", "columns": ["day"]},
        {"rule": "accepted", "columns": ["id"], "values": [1, 2]},
        {"rule": "accepted", "columns": ["day"], "values": ["2024-01-01", "2024-01-02"]},
        {"rule": "row_count", "max_rows": 4},
    ],
)
def test_what_holds_says_nothing(assertion: dict[str, Any]) -> None:
    assert probe(assertion) == ()


def test_null_is_not_true() -> None:
    assert "id=NULL" in failure(rule="condition", condition="id > 0")


def test_warnings_are_told_and_stop_nothing() -> None:
    (warning,) = probe({"rule": "row_count", "min_rows": 9, "action": "warn"})
    assert warning == "expected at least 9 rows, and found (rows=4)"


def test_failures_are_told_together() -> None:
    with pytest.raises(StepFailed) as failed:
        probe({"rule": "row_count", "min_rows": 9}, {"rule": "not_null", "columns": ["id"]})
    assert failed.value.message.count("expected") == 2


def test_at_most_twenty_rows_are_shown_and_long_values_cut() -> None:
    session = duckdb.connect()
    session.execute("CREATE TABLE t AS SELECT repeat('x', 999) AS a FROM range(1234)")
    kind: Any = kinds()["assert"]
    config = {"assertions": [{"rule": "row_count", "max_rows": 1}]}
    (found,) = kind.probes(kind.Config.model_validate(config), {"in": PEOPLE.schema}, Context())
    every = type(found)("none", 'SELECT * FROM "in"', True)
    (message,) = ask([every], "node", "t", session)
    assert message.count("(a='") == 20
    assert message.endswith("…'); and 1,214 more")
    assert len(message) < 1600


def test_rows_and_columns_go_on_as_they_are() -> None:
    config = {"assertions": [{"rule": "row_count", "min_rows": 0}]}
    assert len(rows("assert", config, PEOPLE)) == 4
    assert columns("assert", config, PEOPLE)[2] == ("day", "DATE")


def test_findings_are_addressed() -> None:
    config = {
        "assertions": [
            {"rule": "unique", "columns": ["id", "no"]},
            {"rule": "accepted", "columns": ["id"], "values": [1, "x"]},
            {"rule": "condition", "condition": "name = 1"},
        ]
    }
    assert issues("assert", config, PEOPLE) == [
        ("unknown_column", "assertions.0.columns.1"),
        ("bad_literal", "assertions.1.values.1"),
        ("implicit_cast", "assertions.2.condition"),
    ]


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ("not_null", "columns"),
        ("accepted", "columns"),
        ("condition", "condition"),
        ("row_count", "min_rows"),
    ],
)
def test_a_rule_has_its_settings(rule: str, field: str) -> None:
    _, (issue,) = parse_config(kinds()["assert"].Config, {"assertions": [{"rule": rule}]})
    assert (issue.code, issue.field) == ("setting_missing", f"assertions.0.{field}")
