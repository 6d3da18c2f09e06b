from __future__ import annotations

from collections.abc import Sequence

import pytest
from counter import Counter, counting
from pipelines import Databases, join, plan, secrets, source, target, transform

from engine.errors import StepFailed
from engine.interpreter import RunSession
from engine.plan import Step
from engine.samples.sample import Sample
from engine.samples.sampling import MAX_BYTES, Samples

READ = source("read", "orders")


def sampled(databases: Databases, steps: Sequence[Step], rows: int = 3) -> dict[str, Sample]:
    """What a run tells of its nodes, the latest of each."""
    told: dict[str, Sample] = {}
    session = RunSession(
        plan(steps, databases.connections()),
        run_id="r",
        secrets=secrets,
        samples=Samples(rows, told.update),
    )
    session.run().raise_failure()
    return told


@pytest.fixture
def orders(databases: Databases) -> Databases:
    rows = "select i, 'n' || i as note from generate_series(1, 1000) i"
    databases.in_source(f"create table orders as {rows}")
    databases.in_target("create table copy(i int, note text)")
    return databases


def test_every_node_of_a_stream_has_a_sample(orders: Databases) -> None:
    steps = [
        READ,
        transform("even", "filter", "read", condition="i % 2 = 0"),
        target("write", "copy", "even"),
    ]
    found = sampled(orders, steps)
    assert {key: len(sample.rows) for key, sample in found.items()} == {
        "read": 3,
        "even": 3,
        "write": 3,
    }
    assert all(int(row[0] or 0) % 2 == 0 for row in found["even"].rows)
    assert [column.type for column in found["write"].columns] == ["INTEGER", "VARCHAR"]


def test_kept_rows_are_shown_as_they_are(orders: Databases) -> None:
    config = {"group_by": [], "aggregates": [{"function": "count", "name": "n"}]}
    steps = [
        READ,
        transform("count", "aggregate", "read", **config),
        transform("a", "filter", "count", condition="n > 0"),
    ]
    found = sampled(orders, steps)
    assert (found["a"].rows, found["a"].is_complete) == ((("1000",),), True)
    assert not found["count"].is_complete


def test_a_sample_does_not_change_what_is_counted(orders: Databases) -> None:
    steps = [READ, target("write", "copy", "read")]
    sampled(orders, steps)
    assert orders.in_target("select count(*) from copy") == [(1000,)]


def test_a_source_that_is_slow_to_begin_is_left_alone(orders: Databases) -> None:
    orders.in_source(
        "create function nap() returns bool language sql as 'select pg_sleep(2) is null'"
    )
    steps = [source("read", sql="select 1 as i, nap() as n"), target("write", "copy", "read")]
    assert sampled(orders, steps) == {}
    assert orders.in_target("select count(*) from copy") == [(1,)]


def test_a_value_that_fails_leaves_the_run_to_say_so(orders: Databases) -> None:
    columns = [{"name": "i", "expression": "cast(note as integer)"}]
    bad = transform("bad", "expression", "read", columns=columns)
    with pytest.raises(StepFailed) as failure:
        sampled(orders, [READ, bad, target("write", "copy", "bad")])
    assert (failure.value.step, failure.value.code) == ("bad", "E_VALUE")


def test_samples_of_wide_rows_stay_small(databases: Databases) -> None:
    columns = ", ".join(f"repeat('é', 1000) as c{i}" for i in range(40))
    databases.in_source(f"create table wide as select {columns} from generate_series(1, 30)")
    found = sampled(databases, [source("read", "wide")], rows=20)["read"]
    assert len(str(found.as_json()).encode()) <= MAX_BYTES
    assert found.clipped
    assert found.has_more


def test_both_sides_of_a_join_are_sampled(orders: Databases) -> None:
    steps = [READ, source("other", "orders"), join("both", "read", "other", on="i")]
    assert sampled(orders, steps)["both"].rows


def test_a_stream_is_sampled_by_its_first_rows_and_read_once() -> None:
    counter, told = Counter(), dict[str, Sample]()
    keep = transform("keep", "filter", "read", condition="n > 0")
    steps = source("read", "numbers", columns=["n"]), keep, target("w", "t", "keep")
    counting(counter, *steps, samples=Samples(20, told.update)).run().raise_failure()
    assert told["read"].rows == (("0",), ("1",), ("2",))
    assert told["w"].rows == (("1",), ("2",))
    assert (counter.seen.opened, len(counter.seen.loaded[0])) == (1, 9)


def test_a_stream_that_breaks_at_once_leaves_the_run_to_say_so() -> None:
    told: dict[str, Sample] = {}
    steps = source("read", "numbers"), target("w", "t", "read")
    outcome = counting(Counter(), *steps, breaks_at=0, samples=Samples(20, told.update)).run()
    assert (outcome.failures[0].step, told) == ("read", {})


def test_many_nodes_of_few_columns_are_told_apart(orders: Databases) -> None:
    steps: list[Step] = [READ]
    for number in range(12):
        condition = f"i > {number}"
        steps.append(transform(f"f{number}", "filter", steps[-1].key, condition=condition))
    found = sampled(orders, [*steps, target("write", "copy", "f11")], rows=1)
    assert [found[f"f{number}"].rows[0][0] for number in (0, 9, 11)] == ["1", "10", "12"]
