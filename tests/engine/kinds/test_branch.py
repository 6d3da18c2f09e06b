from __future__ import annotations

from running import Table, columns, issues, rows

from engine.configuring import parse_config
from engine.graph import order
from engine.kinds.branch import BranchConfig
from engine.plan import Input, Step
from engine.registry import kinds

SALES = Table("id INTEGER; total INTEGER", "VALUES (1, 5), (2, 50), (3, 500), (4, NULL)")
CONFIG = {
    "branches": [
        {"port": "large", "condition": "total >= 100"},
        {"port": "middle", "condition": "TOTAL >= 10"},
    ]
}


def test_each_row_goes_to_the_first_port_that_takes_it() -> None:
    assert [(id_, port) for id_, _, port in sorted(rows("branch", CONFIG, SALES))] == [
        (1, "else"),
        (2, "middle"),
        (3, "large"),
        (4, "else"),
    ]


def test_readers_see_the_columns_of_the_input() -> None:
    assert columns("branch", CONFIG, SALES) == [("id", "INTEGER"), ("total", "INTEGER")]


def test_conditions_are_checked_one_by_one() -> None:
    config = {
        "branches": [
            {"port": "a", "condition": "totl > 1"},
            {"port": "b", "condition": "total"},
        ]
    }
    assert issues("branch", config, SALES) == [
        ("unknown_column", "branches.0.condition"),
        ("not_boolean", "branches.1.condition"),
    ]


def test_ports_have_names_of_their_own() -> None:
    for port in ("else", "out", "a", "A b"):
        listed = [{"port": "a", "condition": "true"}, {"port": port, "condition": "true"}]
        _, (issue,) = parse_config(BranchConfig, {"branches": listed})
        assert (issue.code, issue.field) == ("setting_invalid", "branches.1.port")


def test_every_port_must_be_connected() -> None:
    steps = [
        Step(key="b", name="b", kind="branch", config=CONFIG),
        Step(
            key="f",
            name="f",
            kind="filter",
            config={"condition": "true"},
            inputs=(Input(port="in", step="b", output="large"),),
        ),
    ]
    found = [i.message for i in order(steps, kinds()).issues if i.code == "unconnected"]
    assert [message.split("port ")[1] for message in found] == ["'middle'", "'else'", "'out'"]
