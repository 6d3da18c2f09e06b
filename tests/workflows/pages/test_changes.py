from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from factories import NodeRunFactory, RunFactory, VersionFactory, WorkflowFactory

from workers.pages.formats import NOTHING
from workflows.pages.changes import changes, last_good_run

pytestmark = pytest.mark.django_db

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def workflow():
    return WorkflowFactory()


def run(workflow, minute: int, state: str = "COMPLETED", seconds: float = 2, **given):
    start = BEGIN + timedelta(minutes=minute)
    end = start + timedelta(seconds=seconds)
    usual = {"pool": "etl", "started_at": start, "ended_at": end}
    return RunFactory(workflow=workflow, state=state, created_at=start, **{**usual, **given})


def version(workflow, number: int, *nodes):
    return VersionFactory(workflow=workflow, number=number, definition={"nodes": list(nodes)})


def words(good, now) -> list[tuple[str, str, str]]:
    return [(change.what, change.before, change.now) for change in changes(good, now)]


def test_the_last_good_run_is_the_latest_completed_one_before(workflow):
    run(workflow, 0)
    good = run(workflow, 1)
    run(workflow, 2, "FAILED")
    failed = run(workflow, 3, "FAILED")
    run(workflow, 4)
    run(WorkflowFactory(), 2)
    assert last_good_run(failed) == good


def test_a_first_run_has_nothing_to_compare_with(workflow):
    assert last_good_run(run(workflow, 0)) is None


def test_equal_runs_show_no_change(workflow):
    assert words(run(workflow, 0), run(workflow, 1)) == []


def test_pool_parameters_and_duration_are_compared(workflow):
    good = run(workflow, 0, parameters={"limit": 5})
    now = run(workflow, 1, parameters={"limit": 9}, pool="big", seconds=80)
    assert words(good, now) == [
        ("Parameters", "limit = 5", "limit = 9"),
        ("Pool", "etl", "big"),
        ("Duration", "2.0 s", "1 min 20 s"),
    ]


def test_versions_are_compared_node_by_node(workflow):
    read, keep = {"key": "read", "kind": "x", "config": {}}, {"key": "keep", "kind": "filter"}
    old = version(workflow, 1, read, keep)
    new = version(workflow, 2, {**read, "config": {"table": "t"}}, {"key": "more", "kind": "x"})
    assert words(run(workflow, 0, version=old), run(workflow, 1, version=new)) == [
        ("Version", "v1", "v2"),
        ("Node 'read'", "as it was", "changed: config"),
        ("Node 'keep'", "there", "removed"),
        ("Node 'more'", NOTHING, "added"),
    ]


def test_rows_are_compared_where_both_runs_counted_them(workflow):
    good, now = run(workflow, 0), run(workflow, 1)
    for one, key, rows in [
        (good, "read", 5000), (now, "read", 1250), (good, "keep", 7), (now, "keep", 7),
        (good, "write", 7), (now, "write", None),
    ]:  # fmt: skip
        NodeRunFactory(run=one, node_key=key, rows_out=rows)
    assert words(good, now) == [("Rows of 'read'", "5,000", "1,250 (-75 %)")]


def test_a_node_that_had_no_rows_has_no_percentage(workflow):
    good, now = run(workflow, 0), run(workflow, 1)
    NodeRunFactory(run=good, node_key="read", rows_out=0)
    NodeRunFactory(run=now, node_key="read", rows_out=3)
    assert words(good, now) == [("Rows of 'read'", "0", "3")]


def test_columns_that_a_source_has_no_more_has_now_or_has_otherwise_are_named(workflow):
    good, now = run(workflow, 0), run(workflow, 1, "FAILED")
    then = {"id": "integer", "amount": "numeric(12,2)", "note": "text"}
    NodeRunFactory(run=good, node_key="read", node_name="Orders", columns=then)
    changed = {"id": "integer", "amount": "text", "city": "text"}
    NodeRunFactory(run=now, node_key="read", node_name="Orders", columns=changed)
    assert words(good, now) == [
        ("Column 'amount' of 'Orders'", "numeric(12,2)", "text"),
        ("Column 'city' of 'Orders'", NOTHING, "added: text"),
        ("Column 'note' of 'Orders'", "text", "removed"),
    ]


def test_columns_that_one_of_the_runs_did_not_see_are_not_compared(workflow):
    good, now = run(workflow, 0), run(workflow, 1, "FAILED")
    NodeRunFactory(run=good, node_key="read", columns={"id": "integer"})
    NodeRunFactory(run=now, node_key="read")
    assert words(good, now) == []


def test_a_table_that_differs_in_all_its_columns_is_told_in_few_lines(workflow):
    good, now = run(workflow, 0), run(workflow, 1)
    NodeRunFactory(run=good, node_key="read", columns={f"c{n}": "integer" for n in range(50)})
    NodeRunFactory(run=now, node_key="read", columns={f"c{n}": "bigint" for n in range(50)})
    found = words(good, now)
    assert len(found) == 9
    assert found[-1] == ("More columns of 'read'", NOTHING, "42 changed")
