from __future__ import annotations

import logging
import uuid
from datetime import UTC, datetime

import pytest
from factories import NodeRunFactory, RunFactory

from workflows.models import LogLine, Run
from workflows.services import logs
from workflows.services.logs import Hit, Wanted

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


def write(run: Run, *texts: str, level: int = logging.INFO, node: str = "") -> list[int]:
    rows = [
        LogLine(run=run, at=AT, level=level, node_key=node, text=text, source_id=uuid.uuid4())
        for text in texts
    ]
    return [row.pk for row in LogLine.objects.bulk_create(rows)]


@pytest.fixture
def run():
    run = RunFactory()
    NodeRunFactory(run=run, node_key="read")
    return run


def texts(run: Run, **wanted) -> list[str]:
    return [line.text for line in logs.page(logs.lines_of_run(run, Wanted(**wanted)), 0)]


def test_lines_of_one_node(run):
    write(run, "begins")
    write(run, "reads", node="read")
    assert texts(run, node="read") == ["reads"]


def test_lines_below_a_level_are_left_out(run):
    write(run, "quiet", level=logging.DEBUG)
    write(run, "loud", level=logging.ERROR)
    assert texts(run, level=logging.WARNING) == ["loud"]


def test_lines_with_a_text_in_any_case(run):
    write(run, "Disk is full", "all is well", "100 % of it")
    assert texts(run, text="FULL") == ["Disk is full"]
    assert texts(run, text="%") == ["100 % of it"]


def test_lines_of_another_run_are_not_there(run):
    write(RunFactory(), "not mine")
    assert texts(run) == []


def test_a_page_begins_with_the_line_that_was_asked_for(run):
    ids = write(run, *"abcdef")
    found = logs.page(logs.lines_of_run(run, Wanted()), ids[2], 3)
    assert [line.text for line in found] == ["c", "d", "e"]


def test_the_index_says_where_each_page_begins(run, monkeypatch):
    monkeypatch.setattr(logs, "PAGE", 2)
    ids = write(run, *"abcde")
    found = logs.index(logs.lines_of_run(run, Wanted()))
    assert (found.total, found.starts) == (5, [ids[0], ids[2], ids[4]])


def test_the_index_of_no_lines_is_empty(run):
    assert logs.index(logs.lines_of_run(run, Wanted())) == logs.Index(0, [])


def test_a_search_goes_from_hit_to_hit_in_both_directions(run):
    ids = write(run, "one hit", "nothing", "another HIT")
    lines = logs.lines_of_run(run, Wanted())
    assert logs.find(lines, "hit") == Hit(ids[0], 0)
    assert logs.find(lines, "hit", after=ids[0]) == Hit(ids[2], 2)
    assert logs.find(lines, "hit", after=ids[2]) is None
    assert logs.find(lines, "hit", before=ids[2]) == Hit(ids[0], 0)


def test_the_position_of_a_hit_is_that_among_the_chosen_lines(run):
    write(run, "quiet", level=logging.DEBUG)
    [loud] = write(run, "loud", level=logging.ERROR)
    assert logs.find(logs.lines_of_run(run, Wanted(level=30)), "loud") == Hit(loud, 0)


def test_logs_of_a_workflow_are_those_of_its_runs(run):
    write(run, "mine")
    write(RunFactory(), "of another workflow")
    found = logs.lines_of_workflow(run.workflow, Wanted(), since=run.created_at)
    assert [line.text for line in found] == ["mine"]


def test_logs_of_a_workflow_are_bounded_by_the_time_of_its_runs(run):
    write(run, "mine")
    later = run.created_at.replace(year=2030)
    assert not logs.lines_of_workflow(run.workflow, Wanted(), since=later).exists()


def test_all_lines_come_in_batches(run, monkeypatch):
    monkeypatch.setattr(logs, "_BATCH", 2)
    write(run, *"abc")
    batches = logs.all_lines(logs.lines_of_run(run, Wanted()))
    assert [[line.text for line in batch] for batch in batches] == [["a", "b"], ["c"]]
