"""Groups that DuckDB cannot write to disk are made some at a time, and come out as if at once."""

from __future__ import annotations

from typing import Any

import pytest
from pipelines import Databases, Rows, plan, secrets, source, target, transform

from engine.execution import rounds
from engine.interpreter import run
from engine.outcome import RunOutcome
from engine.plan import Step

BY_I = [{"column": "i"}]
MADE = "create table made (k int, m0 text, m1 bigint)"


@pytest.fixture
def texts(databases: Databases) -> Databases:
    """20,000 texts in 500 groups and the group of NULL."""
    databases.in_source(
        "create table texts as select i, nullif(i % 501, 0) as k, "
        "md5(i::text) || repeat('é', i % 90) as t from generate_series(1, 20000) i"
    )
    return databases


@pytest.fixture
def many_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "_SHARE", 0.001)


def grouped(function: str, reads: str = "read", **config: Any) -> Step:
    made = [
        {"name": "m0", "function": function, "column": "t"},
        {"name": "m1", "function": "count"},
    ]
    return transform("made", "aggregate", reads, group_by=["k"], aggregates=made, **config)


def run_steps(databases: Databases, *steps: Step, memory_mb: int = 128) -> RunOutcome:
    made = plan(steps, databases.connections(), memory_limit_mb=memory_mb)
    return run(made, run_id="r", secrets=secrets)


def loaded(databases: Databases, *nodes: Step) -> Rows:
    databases.in_target(MADE)
    steps = (source("read", "texts"), *nodes, target("load", "made", nodes[-1].key))
    run_steps(databases, *steps).raise_failure()
    return databases.in_target("select * from made order by k")


def expected(databases: Databases, value: str) -> Rows:
    return databases.in_source(f"select k, {value}, count(*) from texts group by k order by k")


@pytest.mark.usefixtures("many_rounds")
@pytest.mark.parametrize(
    ("function", "value"),
    [
        ("max", 'max(t collate "C")'),
        ("min", 'min(t collate "C")'),
        ("first", "(array_agg(t order by i))[1]"),
        ("last", "(array_agg(t order by i desc))[1]"),
        ("string_agg", "string_agg(t, ', ' order by i)"),
    ],
)
def test_groups_made_in_rounds_are_those_of_the_database(
    texts: Databases, function: str, value: str
) -> None:
    assert loaded(texts, grouped(function, order_by=BY_I)) == expected(texts, value)


@pytest.mark.usefixtures("many_rounds")
def test_rows_of_a_group_keep_the_order_in_which_they_arrive(texts: Databases) -> None:
    order = transform("order", "sort", "read", order_by=[{"column": "i", "direction": "desc"}])
    found = loaded(texts, order, grouped("string_agg", "order"))
    assert found == expected(texts, "string_agg(t, ', ' order by i desc)")


@pytest.mark.usefixtures("many_rounds")
def test_every_node_is_counted(texts: Databases) -> None:
    texts.in_target(MADE)
    outcome = run_steps(
        texts,
        source("read", "texts"),
        transform("some", "filter", "read", condition="i > 10000"),
        grouped("max", "some"),
        transform("few", "filter", "made", condition="k <= 100"),
        target("load", "made", "few"),
    )
    counts = {key: (node.rows_in, node.rows_out) for key, node in outcome.nodes.items()}
    assert counts == {
        "read": (None, 20_000),
        "some": (20_000, 10_000),
        "made": (10_000, 501),
        "few": (501, 100),
        "load": (100, 100),
    }


@pytest.mark.usefixtures("many_rounds")
def test_two_nodes_may_read_what_was_made_in_rounds(texts: Databases) -> None:
    texts.in_target(MADE, "create table again (like made)")
    steps = (source("read", "texts"), grouped("max"))
    targets = (target("load", "made", "made"), target("more", "again", "made"))
    run_steps(texts, *steps, *targets).raise_failure()
    found, again = (texts.in_target(f"select * from {t} order by k") for t in ("made", "again"))
    assert found == again == expected(texts, 'max(t collate "C")')


@pytest.mark.usefixtures("many_rounds")
def test_no_rows_make_no_groups(texts: Databases) -> None:
    nobody = transform("nobody", "filter", "read", condition="i < 0")
    assert loaded(texts, nobody, grouped("max", "nobody")) == []


@pytest.mark.usefixtures("many_rounds")
def test_texts_of_a_pivot_are_made_in_rounds(texts: Databases) -> None:
    texts.in_target("create table made (k int, one text, two text)")
    values = [{"value": 1, "name": "one"}, {"value": 2, "name": "two"}]
    parity = [{"name": "part", "expression": "i % 3"}]
    config = {"group_by": ["k"], "column": "part", "values": values, "function": "max", "of": "t"}
    run_steps(
        texts,
        source("read", "texts"),
        transform("parts", "expression", "read", columns=parity),
        transform("made", "pivot", "parts", **config),
        target("load", "made", "made"),
    ).raise_failure()
    items = ", ".join(f'max(t collate "C") filter (where i % 3 = {n})' for n in (1, 2))
    wanted = texts.in_source(f"select k, {items} from texts group by k order by k")
    assert texts.in_target("select * from made order by k") == wanted


@pytest.mark.slow
def test_groups_may_hold_more_than_the_memory_limit(databases: Databases) -> None:
    databases.in_target(MADE)
    many = "select i % 20000 as k, repeat(md5(i::text), 100) as t from generate_series(1, 60000) i"
    steps = (source("read", sql=many), grouped("string_agg"), target("load", "made", "made"))
    run_steps(databases, *steps).raise_failure()
    found = databases.in_target("select count(*), sum(m1), sum(length(m0)) from made")
    assert found == [(20_000, 60_000, 60_000 * 3_200 + 40_000 * 2)]


def test_a_group_too_large_for_a_round_fails_its_node_and_says_so(databases: Databases) -> None:
    databases.in_target(MADE)
    one = "select 1 as k, repeat(md5(i::text), 300) as t from generate_series(1, 20000) i"
    steps = (source("read", sql=one), grouped("string_agg"), target("load", "made", "made"))
    (failure,) = run_steps(databases, *steps, memory_mb=100).failures
    assert (failure.step, failure.code, failure.permanent) == ("made", "E_MEMORY", True)
    assert failure.message.startswith("the values of a single group, or of few, need more memory")
