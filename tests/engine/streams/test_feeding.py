"""Sources that arrive in Arrow batches, and targets that take batches."""

from __future__ import annotations

import threading

import pytest
from counter import Counter, counting
from pipelines import join, source, target, transform


@pytest.fixture
def counter() -> Counter:
    return Counter()


def test_streamed_rows_pass_through_nodes_to_a_target_that_takes_batches(counter: Counter) -> None:
    keep = transform("keep", "filter", "read", condition="n >= 7")
    outcome = counting(counter, source("read", "numbers"), keep, target("w", "t", "keep")).run()
    assert outcome.ok, outcome.failures
    assert sorted(row["n"] for row in counter.seen.loaded[0]) == [7, 8, 9]


def test_every_node_of_a_streamed_pipeline_counts_its_rows(counter: Counter) -> None:
    keep = transform("keep", "filter", "read", condition="n >= 7")
    outcome = counting(counter, source("read", "numbers"), keep, target("w", "t", "keep")).run()
    assert {key: node.rows_out for key, node in outcome.nodes.items()} == {
        "read": 10,
        "keep": 3,
        "w": 3,
    }


def test_a_stream_is_read_once_and_closed(counter: Counter) -> None:
    counting(counter, source("read", "numbers"), target("w", "t", "read")).run()
    assert (counter.seen.opened, counter.seen.closed) == (1, 1)


def test_one_connection_can_be_streamed_twice_in_a_stage(counter: Counter) -> None:
    sources = source("a", "numbers"), source("b", "numbers", filter="n < 2")
    outcome = counting(counter, *sources, join("j", "a", "b", "n"), target("w", "t", "j")).run()
    assert outcome.ok, outcome.failures
    assert [row["n"] for row in counter.seen.loaded[0]] == [0, 1]


def test_a_filter_may_use_columns_that_are_not_read(counter: Counter) -> None:
    read = source("read", "numbers", columns=["square"], filter="n > 8")
    outcome = counting(counter, read, target("w", "t", "read")).run()
    assert outcome.ok, outcome.failures
    assert counter.seen.loaded == [[{"square": "81"}]]


def test_what_arrow_has_no_type_for_arrives_in_its_own(counter: Counter) -> None:
    keep = transform("keep", "expression", "read", columns=[
        {"name": "square", "expression": "cast(id as text)"}])  # fmt: skip
    steps = source("read", "numbers"), keep, target("w", "t", "keep")
    assert counting(counter, *steps, rows=1).run().ok
    assert counter.seen.loaded[0][0]["square"] == "00000000-0000-0000-0000-000000000000"


def test_a_stream_that_breaks_off_fails_its_source_in_its_own_words(counter: Counter) -> None:
    steps = source("read", "numbers"), target("w", "t", "read")
    (failure,) = counting(counter, *steps, breaks_at=6).run().failures
    assert (failure.step, failure.message) == ("read", "the counter broke at 6")
    assert failure.permanent


def test_the_node_that_fails_over_a_stream_is_named(counter: Counter) -> None:
    bad = transform("bad", "expression", "read", columns=[
        {"name": "square", "expression": "cast(cast(100 / (n - 5) as text) || 'x' as integer)"},
    ])  # fmt: skip
    (failure,) = (
        counting(counter, source("read", "numbers"), bad, target("w", "t", "bad")).run().failures
    )
    assert failure.step == "bad"
    assert counter.seen.opened == counter.seen.closed > 1


def test_batches_of_other_columns_than_described_are_refused(counter: Counter) -> None:
    steps = source("read", "numbers"), target("w", "t", "read")
    (failure,) = counting(counter, *steps, changes_at=3).run().failures
    assert failure.step == "read"
    assert "n string" in failure.message
    assert "n int64" in failure.message


def test_an_interrupted_run_leaves_a_stream_that_is_blocked(counter: Counter) -> None:
    run = counting(counter, source("read", "numbers"), target("w", "t", "read"), blocks_at=3)
    threading.Thread(
        target=lambda: (counter.seen.blocked.wait(60), run.interrupt()), daemon=True
    ).start()
    (failure,) = run.run().failures
    assert failure.code == "E_INTERRUPTED"
    assert counter.seen.stopped.is_set()
    assert counter.seen.opened == counter.seen.closed


def test_a_time_limit_ends_a_stream_that_is_blocked(counter: Counter) -> None:
    read = source("read", "numbers").model_copy(update={"timeout_seconds": 0.3})
    (failure,) = counting(counter, read, target("w", "t", "read"), blocks_at=0).run().failures
    assert failure.code == "E_TIMEOUT"


def test_each_attempt_reads_a_stream_of_its_own(counter: Counter) -> None:
    write = target("w", "t", "read", "replace", retries=2)
    (failure,) = counting(counter, source("read", "numbers"), write).run().failures
    assert "replace" in failure.message
    assert counter.seen.opened == counter.seen.closed
