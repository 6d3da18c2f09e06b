from __future__ import annotations

from datetime import UTC, datetime, timedelta

from factories import NodeRunFactory

from workflows.pages.timeline import timeline

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = BEGIN + timedelta(seconds=10)


def node_run(key: str, start: float | None, end: float | None = None):
    moment = [None if at is None else BEGIN + timedelta(seconds=at) for at in (start, end)]
    return NodeRunFactory.build(run=None, node_key=key, started_at=moment[0], ended_at=moment[1])


def spans(*rows) -> dict:
    found = timeline(rows, NOW)
    return {key: (bar.left, bar.width) for key, bar in found.bars.items()}


def test_bars_share_one_scale():
    rows = [node_run("a", 0, 2), node_run("b", 2, 8)]
    assert spans(*rows) == {"a": (0, 25), "b": (25, 75)}
    assert timeline(rows, NOW).length == "8.0 s"


def test_a_node_at_work_reaches_until_now():
    assert spans(node_run("a", 0, 5), node_run("b", 5)) == {"a": (0, 50), "b": (50, 50)}


def test_a_node_that_has_not_begun_has_no_bar():
    assert spans(node_run("a", 0, 5), node_run("b", None)) == {"a": (0, 100)}


def test_a_short_node_at_the_end_stays_visible_and_inside():
    left, width = spans(node_run("a", 0, 1000), node_run("b", 1000, 1000))["b"]
    assert width > 0
    assert left + width <= 100


def test_nodes_without_any_length_fill_the_scale():
    assert spans(node_run("a", 0, 0)) == {"a": (0, 100)}


def test_before_the_first_node_there_is_no_scale():
    assert timeline([node_run("a", None)], NOW) is None


def test_a_clock_that_is_behind_makes_no_negative_bar():
    assert spans(node_run("a", 20)) == {"a": (0, 100)}
