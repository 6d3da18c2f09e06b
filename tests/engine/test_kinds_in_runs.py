"""Kinds in runs of whole plans: counts, order, what fails and what it is called."""

from __future__ import annotations

from typing import Any

import pytest
from pipelines import Databases, plan, secrets, source, target, transform

from engine.interpreter import run
from engine.outcome import RunOutcome
from engine.plan import Input, Step


def node(key: str, kind: str, config: dict[str, Any], **ports: str) -> Step:
    """``ports``: port → the step it reads; a trailing underscore (``in_``) is left out."""
    edges = tuple(Input(port=port.rstrip("_"), step=step) for port, step in ports.items())
    return Step(key=key, name=key, kind=kind, config=config, inputs=edges)


def run_plan(databases: Databases, *steps: Step, **fields: Any) -> RunOutcome:
    made = plan(steps, databases.connections(), **fields)
    return run(made, run_id="r", secrets=secrets)


def counts(outcome: RunOutcome) -> dict[str, tuple[int | None, int | None]]:
    outcome.raise_failure()
    return {key: (found.rows_in, found.rows_out) for key, found in outcome.nodes.items()}


def numbers(databases: Databases, count: int = 10) -> Step:
    databases.in_source(
        f"create table n as select i as id, i % 3 as k from generate_series(1, {count}) i"
    )
    databases.in_target("create table t (seq bigserial, id int, k int)")
    return source("read", "n")


BY_ID = {"order_by": [{"column": "k"}, {"column": "id", "direction": "desc"}]}


def written(databases: Databases, table: str = "t") -> list[Any]:
    return databases.in_target(f"select k, -id from {table} order by seq")


def test_rows_are_written_in_their_order(databases: Databases) -> None:
    outcome = run_plan(
        databases,
        numbers(databases, 300_000),
        node("sort", "sort", BY_ID, in_="read"),
        transform("some", "filter", "sort", condition="id > 7"),
        transform("pick", "select", "some", columns=[{"name": "k"}, {"name": "id"}]),
        target("write", "t", "pick"),
    )
    assert counts(outcome)["sort"] == (300_000, 300_000)
    found = written(databases)
    assert len(found) == 299_993
    assert found == sorted(found)


def test_several_readers_of_sorted_rows_write_them_in_order(databases: Databases) -> None:
    read = numbers(databases, 300_000)
    databases.in_target("create table u (like t including all)")
    run_plan(
        databases,
        read,
        node("sort", "sort", BY_ID, in_="read"),
        transform("kept", "filter", "sort", condition="id > 0"),
        target("first", "t", "kept"),
        transform("some", "filter", "kept", condition="id % 2 = 0"),
        target("second", "u", "some"),
    ).raise_failure()
    for table, count in (("t", 300_000), ("u", 150_000)):
        found = written(databases, table)
        assert (len(found), found == sorted(found)) == (count, True)


def test_every_kind_of_transform_is_counted(databases: Databases) -> None:
    outcome = run_plan(
        databases,
        numbers(databases),
        node(
            "list",
            "inline_source",
            {
                "columns": [{"name": "k", "type": "int"}, {"name": "w"}],
                "rows": [[0, "a"], [1, "b"]],
            },
        ),
        node("twin", "filter", {"condition": "id > 8"}, in_="read"),
        node("all", "union", {}, in1="read", in2="twin"),
        node("one", "deduplicate", {"key": ["id"]}, in_="all"),
        node(
            "found",
            "lookup",
            {"on": [{"column": "k", "lookup": "k"}], "columns": [{"name": "w"}]},
            in_="one",
            lookup="list",
        ),
        node(
            "place",
            "window",
            {"order_by": [{"column": "id"}], "columns": [{"name": "n", "function": "row_number"}]},
            in_="found",
        ),
        node(
            "group",
            "aggregate",
            {"group_by": ["k"], "aggregates": [{"name": "id", "function": "max", "column": "n"}]},
            in_="place",
        ),
        target("write", "t", "group"),
    )
    assert counts(outcome) == {
        "read": (None, 10),
        "list": (None, 2),
        "twin": (10, 2),
        "all": (12, 12),
        "one": (12, 10),
        "found": (12, 10),
        "place": (10, 10),
        "group": (10, 3),
        "write": (3, 3),
    }
    assert databases.in_target("select k, id from t order by 1") == [(0, 9), (1, 10), (2, 8)]


def test_a_lookup_that_matches_twice_is_the_culprit_for_good(databases: Databases) -> None:
    twice = {"columns": [{"name": "k", "type": "int"}], "rows": [[2], [2]]}
    outcome = run_plan(
        databases,
        numbers(databases),
        node("list", "inline_source", twice),
        node(
            "found",
            "lookup",
            {"on": [{"column": "k", "lookup": "k"}], "columns": [{"name": "k", "rename": "x"}]},
            in_="read",
            lookup="list",
        ),
        target("write", "t", "found"),
    )
    (failure,) = outcome.failures
    assert (failure.step, failure.code, failure.permanent) == ("found", "E_LOOKUP", True)
    assert failure.message.startswith("2 rows of the lookup have k = 2; at most one may match")
    assert databases.in_target("select count(*) from t") == [(0,)]


def test_what_string_agg_gathers_must_fit_into_memory(databases: Databases) -> None:
    databases.in_target("create table long (text text)")
    text = "select repeat(md5(i::text), 300) as text from generate_series(1, 20000) i"
    outcome = run_plan(
        databases,
        source("read", sql=text),
        node(
            "all",
            "aggregate",
            {"aggregates": [{"name": "text", "function": "string_agg", "column": "text"}]},
            in_="read",
        ),
        target("write", "long", "all"),
        memory_limit_mb=100,
    )
    (failure,) = outcome.failures
    assert (failure.step, failure.code) == ("all", "E_MEMORY")
    assert databases.in_target("select count(*) from long") == [(0,)]


def test_each_port_of_a_branch_has_its_rows_and_count(databases: Databases) -> None:
    read = numbers(databases)
    databases.in_target("create table u (like t including all)", "create table v (id int)")
    listed = [{"port": "none", "condition": "k = 0"}, {"port": "one", "condition": "k <= 1"}]
    outcome = run_plan(
        databases,
        read,
        node("sort", "sort", BY_ID, in_="read"),
        node("split", "branch", {"branches": listed}, in_="sort"),
        _reading(target("first", "t", "split"), "none"),
        _reading(target("second", "u", "split"), "one"),
        _reading(transform("some", "filter", "split", condition="id > 4"), "else"),
        target("third", "v", "some"),
    )
    assert counts(outcome) == {
        "read": (None, 10),
        "sort": (10, 10),
        "split": (10, 10),
        "first": (3, 3),
        "second": (4, 4),
        "some": (3, 2),
        "third": (2, 2),
    }
    assert databases.in_target("select id from t order by seq") == [(9,), (6,), (3,)]
    assert databases.in_target("select id from u order by seq") == [(10,), (7,), (4,), (1,)]


def _reading(step: Step, output: str) -> Step:
    """``step`` with its only input at another port of the node it reads."""
    edge = step.inputs[0].model_copy(update={"output": output})
    return step.model_copy(update={"inputs": (edge,)})


def test_nothing_is_loaded_that_breaks_an_assertion(databases: Databases) -> None:
    assertion = {"rule": "unique", "columns": ["k"]}
    outcome = run_plan(
        databases,
        numbers(databases),
        node("check", "assert", {"assertions": [assertion]}, in_="read"),
        target("write", "t", "check"),
    )
    (failure,) = outcome.failures
    assert (failure.step, failure.code) == ("check", "E_ASSERTION")
    assert "expected 'k' to be unique, and found (k=" in failure.message
    assert outcome.skipped == ("write",)
    assert databases.in_target("select count(*) from t") == [(0,)]


def test_a_warning_is_told_with_the_outcome(databases: Databases) -> None:
    assertion = {"rule": "row_count", "max_rows": 5, "action": "warn"}
    outcome = run_plan(
        databases,
        numbers(databases),
        node("check", "assert", {"assertions": [assertion]}, in_="read"),
        target("write", "t", "check"),
    )
    assert counts(outcome)["write"] == (10, 10)
    assert outcome.nodes["check"].warnings == ("expected at most 5 rows, and found (rows=10)",)


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("select n.id, n.k from list l join numbers n on n.k = l.k", 7),
        ("select id, k from numbers where k in (select k from list) limit 2", 2),
        ("select a.id, b.k from numbers a join numbers b using (id), list", 20),
    ],
)
def test_inputs_of_sql_are_counted_however_they_are_read(
    databases: Databases, sql: str, rows: int
) -> None:
    listed = {"columns": [{"name": "k", "type": "int"}], "rows": [[1], [2]]}
    outcome = run_plan(
        databases,
        numbers(databases),
        node("list", "inline_source", listed),
        transform("some", "filter", "read", condition="id > 0"),
        node(
            "sql", "sql", {"inputs": ["list", "numbers"], "sql": sql}, list="list", numbers="some"
        ),
        target("write", "t", "sql"),
    )
    assert counts(outcome) == {
        "read": (None, 10),
        "list": (None, 2),
        "some": (10, 10),
        "sql": (12, rows),
        "write": (rows, rows),
    }


@pytest.mark.parametrize("sql", ['select * from "in" limit 3', 'select * from "in" where id <= 3'])
def test_a_limit_in_sql_is_not_taken_for_the_count_of_its_input(
    databases: Databases, sql: str
) -> None:
    outcome = run_plan(
        databases,
        numbers(databases),
        node("sql", "sql", {"sql": sql}, in_="read"),
        target("write", "t", "sql"),
    )
    assert counts(outcome)["read"] == (None, 10)
    assert counts(outcome)["sql"] == (10, 3)
