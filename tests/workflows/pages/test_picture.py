from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from factories import (
    DependencyFactory,
    NodeFactory,
    NodeRunFactory,
    RunFactory,
    UserFactory,
    VersionFactory,
    WorkflowFactory,
)

from workflows.models import NodeRun, RunState
from workflows.pages.picture import picture, picture_of_workflow

NODES = [
    {"key": "read", "name": "Orders", "kind": "database_source"},
    {"key": "keep", "name": "", "kind": "filter"},
]
EDGES = [("read", "keep")]
ENDED = datetime(2026, 3, 1, tzinfo=UTC)


def node_run(key: str, state: str = "COMPLETED", **given) -> NodeRun:
    return NodeRunFactory.build(run=None, node_key=key, state=state, state_at=ENDED, **given)


def test_a_node_shows_kind_state_rows_and_time():
    orders, keep = picture(NODES, EDGES, {}, [node_run("read", rows_out=1234, seconds=0.5)]).boxes
    assert (orders.name, orders.kind, orders.icon) == ("Orders", "Database source", "database")
    assert (orders.badge.word, orders.rows, orders.time) == ("Completed", "1,234", "500 ms")
    assert (keep.name, keep.badge.word, keep.rows) == ("keep", "Not run yet", "")


def test_many_rows_are_told_shortly_and_a_reused_node_says_so():
    reused = node_run("read", state_name="Reused", rows_out=3_210_000)
    box = picture(NODES, EDGES, {}, [reused]).boxes[0]
    assert (box.badge.word, box.rows) == ("Reused", "3.2 M")


def test_a_node_of_an_unknown_kind_is_drawn():
    drawn = picture([{"key": "a", "name": "", "kind": "of_a_plugin"}], [], {}, [])
    assert drawn.boxes[0].kind == "of_a_plugin"


def test_dependencies_take_the_tone_of_where_they_come_from():
    drawn = picture(NODES, EDGES, {}, [node_run("read", state="FAILED")])
    assert [(line.tone, line.title) for line in drawn.lines] == [("bad", "Orders → keep")]


@pytest.mark.parametrize("number", [0, 301])
def test_nothing_and_too_much_are_not_drawn(number):
    nodes = [{"key": f"n{at}", "name": "", "kind": "filter"} for at in range(number)]
    assert picture(nodes, [], {}, []) is None


@pytest.fixture
def root(db, settings) -> Client:
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    client = Client()
    client.force_login(UserFactory(password=None, is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def workflow(db):
    read = NodeFactory(key="read", name="Orders", kind="database_source")
    keep = NodeFactory(key="keep", workflow=read.workflow)
    DependencyFactory(source=read, target=keep)
    return read.workflow


def test_the_page_of_a_run_draws_the_version_that_ran(root, workflow):
    definition = {"nodes": NODES, "dependencies": [{"source": "read", "target": "keep"}]}
    version = VersionFactory(workflow=workflow, definition=definition)
    run = RunFactory(workflow=workflow, version=version, state=RunState.RUNNING)
    NodeRunFactory(run=run, node_key="read", state="RUNNING", state_at=ENDED)
    text = root.get(reverse("admin:workflows_run_change", args=[run.pk])).content.decode()
    assert "line-busy" in text
    assert "box-busy" in text
    assert "box-idle" in text


def test_the_page_of_a_workflow_shows_the_latest_run(root, workflow):
    change = reverse("workflows:workflow-overview", args=[workflow.pk])
    assert "It has not run yet." in root.get(change).content.decode()
    run = RunFactory(workflow=workflow, state=RunState.COMPLETED, started_at=ENDED)
    RunFactory(workflow=workflow)
    NodeRunFactory(run=run, node_key="read", state="COMPLETED", state_at=ENDED, rows_out=70707)
    text = root.get(change).content.decode()
    assert "70,707 rows" in text
    assert reverse("admin:workflows_run_change", args=[run.pk]) in text


def test_the_picture_costs_the_same_whatever_its_size(root, workflow, django_assert_num_queries):
    NodeFactory.create_batch(20, workflow=workflow)
    with django_assert_num_queries(2):
        assert len(picture_of_workflow(workflow, ()).boxes) == 22


def test_a_workflow_without_nodes_has_no_picture(root):
    change = reverse("workflows:workflow-overview", args=[WorkflowFactory().pk])
    assert 'class="picture"' not in root.get(change).content.decode()
