from __future__ import annotations

import pytest
from running import Table, bound, columns, issues, rows

from engine.graph import order
from engine.plan import Input, Step
from engine.registry import kinds

LEFT = Table("id INTEGER; name VARCHAR", "VALUES (1, 'ann')")
RIGHT = Table("NAME VARCHAR; ID BIGINT; team VARCHAR", "VALUES ('bob', 2, 'red')")


def test_columns_are_matched_by_name_and_missing_ones_are_null() -> None:
    assert columns("union", {}, LEFT, RIGHT) == [
        ("id", "BIGINT"),
        ("name", "VARCHAR"),
        ("team", "VARCHAR"),
    ]
    assert sorted(rows("union", {}, LEFT, RIGHT)) == [(1, "ann", None), (2, "bob", "red")]


def test_equal_rows_are_all_kept_from_as_many_inputs_as_told() -> None:
    assert rows("union", {"inputs": 3}, LEFT, LEFT, LEFT) == [(1, "ann")] * 3


def test_a_column_that_an_input_lacks_is_a_warning() -> None:
    (issue,) = bound("union", {}, LEFT, RIGHT).issues
    assert (issue.code, issue.severity) == ("missing_column", "warning")
    assert "column 'team' is NULL in rows of 'in1'" in issue.message


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ("INTEGER", "VARCHAR", "implicit_cast"),
        ("BIGINT", "TIMESTAMP WITH TIME ZONE", "implicit_cast"),
        ("DECIMAL(12,2)", "DOUBLE", "lossy_cast"),
    ],
)
def test_types_that_do_not_go_together_are_told(first: str, second: str, code: str) -> None:
    assert issues("union", {}, Table(f"a {first}"), Table(f"a {second}")) == [(code, "")]


def test_every_port_the_settings_ask_for_must_be_connected() -> None:
    edges = (Input(port="in1", step="a"), Input(port="in4", step="a"))
    step = Step(key="u", name="u", kind="union", config={"inputs": 3}, inputs=edges)
    found = [issue for issue in order([step], kinds()).issues if issue.code.startswith("port")]
    assert [(issue.code, "in" + issue.message.split("'in")[1][0]) for issue in found] == [
        ("port_unknown", "in4"),
        ("port_missing", "in2"),
        ("port_missing", "in3"),
    ]
    assert "it has in1, in2, in3" in found[0].message


def test_ports_are_not_complained_about_while_the_settings_do_not_pass() -> None:
    edges = (Input(port="in9", step="a"),)
    step = Step(key="u", name="u", kind="union", config={"inputs": "many"}, inputs=edges)
    codes = {issue.code for issue in order([step], kinds()).issues}
    assert codes == {"unknown_node", "no_target"}
