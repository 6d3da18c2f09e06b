from __future__ import annotations

import logging

import pytest

from workflows.services import logs, observing
from workflows.services.running import run_now

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(registered, prefect):
    run = run_now(workflow=registered)
    prefect.advance(run.pk, "RUNNING")
    task = prefect.advance_node(run.pk, "read", "RUNNING")
    prefect.write_log(run.pk, "begins")
    prefect.write_log(run.pk, "reads", task_run_id=task.id, level=logging.WARNING)
    observing.poll_active()
    return run


def test_lines_of_a_run_name_their_nodes(run):
    assert [(line.message, line.node_key) for line in logs.read(run)] == [
        ("begins", ""),
        ("reads", "read"),
    ]


def test_a_node_without_a_name_goes_by_its_key(run):
    run.node_runs.update(node_name="")
    assert logs.read(run)[1].node_name == "read"


def test_lines_of_one_node(run):
    assert [line.message for line in logs.read(run, node_key="read")] == ["reads"]


def test_a_node_that_has_not_begun_has_no_lines(run):
    assert logs.read(run, node_key="write") == []


def test_lines_below_a_level_are_left_out(run):
    assert [line.message for line in logs.read(run, level=logging.WARNING)] == ["reads"]


def test_pages_of_lines(run):
    assert [line.message for line in logs.read(run, offset=1, limit=1)] == ["reads"]
