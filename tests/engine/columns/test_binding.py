from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from engine.columns.assignment import assign
from engine.columns.binding import Bound, bind
from engine.issue import Issue, Severity
from engine.plan import Input, Step
from engine.registry import kinds
from engine.schema import Column, Schema

ORDERS = Schema.of(
    [("id", "INTEGER"), ("name", "VARCHAR"), ("total", "DECIMAL(12,2)"), ("paid_on", "DATE")]
)
SOURCE = {"connection": "shop", "table": "orders"}
TARGET = {"connection": "shop", "table": "copies"}


def step(key: str, kind: str, config: Mapping[str, Any], **inputs: str) -> Step:
    edges = tuple(Input(port=port.rstrip("_"), step=name) for port, name in inputs.items())
    return Step(key=key, name=key, kind=kind, config=dict(config), inputs=edges)


def source(key: str = "orders", **config: Any) -> Step:
    return step(key, "database_source", SOURCE | config)


def bound(*steps: Step, table: Sequence[Column] | None = None, **schemas: Schema | None) -> Bound:
    return bind(steps, {"orders": ORDERS} | schemas, kinds(), {"least": 5}, {"copies": table})


def into(*table: Column, columns: Sequence[tuple[str, str]] = ()) -> list[Issue]:
    """Issues of writing ORDERS into a table with these columns."""
    chosen = [{"column": column, "target": target} for column, target in columns]
    target = step("copies", "database_target", TARGET | {"columns": chosen}, in_="orders")
    return bound(source(), target, table=table).issues


def test_types_flow_through_a_graph() -> None:
    found = bound(
        source(),
        step("large", "filter", {"condition": "total > $least"}, in_="orders"),
        step(
            "gross",
            "expression",
            {"columns": [{"name": "gross", "expression": "total * 2"}]},
            in_="large",
        ),
    )
    assert found.issues == []
    assert found.schemas["large"] == ORDERS
    last = found.schemas["gross"]
    assert last and last.columns[-1].name == "gross"
    assert last.columns[-1].type.startswith("DECIMAL")
    assert found.sql["large"] == 'SELECT * FROM "in" WHERE ("total" > (5))'


def test_an_error_is_addressed_and_the_rest_is_still_typed() -> None:
    found = bound(
        source(),
        step("broken", "filter", {"condition": "totl > 5"}, in_="orders"),
        step("after", "filter", {"condition": "nonsense"}, in_="broken"),
        step("beside", "select", {"columns": [{"name": "id"}]}, in_="orders"),
    )
    (issue,) = found.issues
    assert (issue.code, issue.node, issue.field) == ("unknown_column", "broken", "condition")
    assert found.schemas["after"] is None
    assert found.schemas["beside"] == Schema.of([("id", "INTEGER")])


def test_what_is_not_known_makes_no_noise() -> None:
    found = bound(
        source(),
        step("large", "filter", {"condition": "whatever > 5"}, in_="orders"),
        step("copies", "database_target", TARGET, in_="large"),
        table=[Column("id", "INTEGER")],
        orders=None,
    )
    assert found.issues == []
    assert found.schemas == {"orders": None, "large": None, "copies": None}


def test_a_step_may_read_what_an_earlier_stage_kept() -> None:
    found = bound(step("large", "filter", {"condition": "total > 5"}, in_="kept"), kept=ORDERS)
    assert found.schemas["large"] == ORDERS


def test_what_duckdb_refuses_is_an_issue_on_the_column_that_asks_for_it() -> None:
    columns = [{"name": "a", "expression": "id"}, {"name": "b", "expression": "chr(total)"}]
    (issue,) = bound(source(), step("odd", "expression", {"columns": columns}, in_="orders")).issues
    assert (issue.code, issue.node, issue.field) == ("type_mismatch", "odd", "columns.1")
    assert "chr(INTEGER)" in issue.message
    assert "LINE" not in issue.message
    assert "Error" not in issue.message


def test_a_silent_cast_is_an_issue_though_duckdb_accepts_it() -> None:
    found = bound(source(), step("odd", "filter", {"condition": "name = id"}, in_="orders"))
    assert [issue.code for issue in found.issues] == ["implicit_cast"]
    assert found.schemas["odd"] == ORDERS


def test_the_filter_of_a_source_is_checked_over_its_columns() -> None:
    (issue,) = bound(source(filter="totl > 5")).issues
    assert (issue.code, issue.field) == ("unknown_column", "filter")


def test_the_filter_of_a_source_may_use_columns_it_does_not_read() -> None:
    assert bound(source(filter="secret > 5", columns=["id"])).issues == []


def test_a_target_takes_what_fits_by_name() -> None:
    table = [Column("ID", "BIGINT"), Column("total", "DECIMAL(14,2)"), Column("note", "VARCHAR")]
    assert into(*table) == []


@pytest.mark.parametrize(
    ("table", "columns", "code", "field"),
    [
        ([Column("a", "INTEGER")], [("id", "b")], "unknown_target_column", "columns.0.target"),
        ([Column("a", "INTEGER")], [("idd", "a")], "unknown_column", "columns.0.column"),
        ([Column("a", "INTEGER")], [("name", "a")], "implicit_cast", "columns.0.target"),
        ([Column("name", "INTEGER")], [], "implicit_cast", "columns"),
        (
            [Column("a", "VARCHAR")],
            [("id", "a"), ("name", "a")],
            "duplicate_column",
            "columns.1.target",
        ),
        ([Column("other", "INTEGER")], [], "nothing_mapped", "columns"),
        (
            [Column("id", "INTEGER"), Column("code", "VARCHAR", is_nullable=False)],
            [],
            "required_column",
            "columns",
        ),
    ],
)
def test_a_target_that_cannot_be_written_so_is_an_error(
    table: list[Column], columns: list[tuple[str, str]], code: str, field: str
) -> None:
    (issue,) = into(*table, columns=columns)
    assert (issue.code, issue.node, issue.field) == (code, "copies", field)
    assert issue.severity is Severity.ERROR


def test_a_column_the_database_fills_is_not_required() -> None:
    serial = Column("serial", "INTEGER", is_nullable=False, has_default=True)
    assert into(Column("id", "INTEGER"), serial) == []


@pytest.mark.parametrize(
    ("target", "code"),
    [("INTEGER", "lossy_cast"), ("DECIMAL(12,1)", "lossy_cast"), ("DECIMAL(8,2)", "lossy_cast")],
)
def test_a_target_that_may_lose_digits_is_a_warning(target: str, code: str) -> None:
    (issue,) = into(Column("total", target))
    assert (issue.code, issue.severity) == (code, Severity.WARNING)


@pytest.mark.parametrize(
    ("origin", "target"),
    [("BIGINT", "DOUBLE"), ("DECIMAL(38,10)", "DOUBLE"), ("INTEGER", "FLOAT"), ("DOUBLE", "FLOAT")],
)
def test_exact_numbers_that_become_approximate_are_a_warning(origin: str, target: str) -> None:
    issue = assign(Column("n", origin), Column("n", target))
    assert issue and (issue.code, issue.severity) == ("lossy_cast", Severity.WARNING)


def test_digits_of_a_second_that_a_target_has_no_place_for_are_a_warning() -> None:
    whole = Column("at", "TIMESTAMP", native_type="timestamp(0) without time zone")
    issue = assign(Column("at", "TIMESTAMP", native_type="timestamp without time zone"), whole)
    assert issue and "date_trunc" in issue.message
    assert assign(whole, whole) is None
    assert assign(Column("at", "TIMESTAMP"), whole) is None


@pytest.mark.parametrize("target", ["DECIMAL(12,2)", "DOUBLE", "VARCHAR", "DECIMAL(38,10)"])
def test_a_target_with_room_takes_numbers(target: str) -> None:
    assert into(Column("total", target)) == []


def test_a_numeric_without_bounds_takes_numbers_of_any_size() -> None:
    huge = Column("total", "DECIMAL(38,2)")
    assert assign(huge, Column("total", "DECIMAL(38,10)", native_type="numeric")) is None
    assert assign(huge, Column("total", "DECIMAL(38,10)", native_type="numeric(38,10)"))


def test_a_thousand_nodes_are_typed() -> None:
    steps = [source()]
    for index in range(1_000):
        condition = {"condition": f"total > {index} and name like 'A%'"}
        steps.append(step(f"n{index}", "filter", condition, in_=steps[-1].key))
    assert bound(*steps).schemas["n999"] == ORDERS


def test_a_table_to_be_made_is_checked_as_the_rows_that_arrive() -> None:
    chosen = {"create_table": True, "columns": [{"column": "nope", "target": "id"}]}
    target = step("copies", "database_target", TARGET | chosen, in_="orders")
    issues = bound(source(), target, table=()).issues
    assert [(issue.code, issue.field) for issue in issues] == [
        ("unknown_column", "columns.0.column")
    ]


WIDE = Schema.of([("id", "BIGINT"), ("name", "VARCHAR"), ("total", "DOUBLE"), ("at", "TIMESTAMP")])
OTHER = Schema.of([("id", "TIMESTAMP WITH TIME ZONE"), ("name", "BIGINT")])
#: What DuckDB converts without a word, and fails on at the first value, or never.
SILENT = {
    "a number and a word": ("filter", {"condition": "total > 'abc'"}, "bad_literal"),
    "a key of text and one of numbers": (
        "join", {"type": "inner", "on": [{"left": "name", "right": "name"}]}, "implicit_cast"
    ),
    "numbers and moments in one column": ("union", {}, "implicit_cast"),
    "a day that no calendar has": ("filter", {"condition": "at > '2024-13-01'"}, "bad_literal"),
    "text as a condition": ("filter", {"condition": "name"}, "not_boolean"),
    "a word as a number": (
        "expression", {"columns": [{"name": "x", "expression": "cast('x' as int)"}]}, "bad_literal"
    ),
}  # fmt: skip
PORTS = {
    "join": {"left": "a", "right": "b"},
    "union": {"in1": "ids", "in2": "others"},
}


@pytest.mark.parametrize("mistake", SILENT)
def test_what_duckdb_converts_silently_is_an_issue_on_its_node(mistake: str) -> None:
    kind, config, code = SILENT[mistake]
    edges = PORTS.get(kind, {"in_": "a"})
    ids = {"columns": [{"name": "id"}]}
    steps = [
        source("a"),
        source("b"),
        step("ids", "select", ids, in_="a"),
        step("others", "select", ids, in_="b"),
        step("odd", kind, config, **edges),
    ]
    found = bind(steps, {"a": WIDE, "b": OTHER}, kinds(), {}, {})
    assert [(i.code, i.severity, i.node) for i in found.issues] == [(code, Severity.ERROR, "odd")]
