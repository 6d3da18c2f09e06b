from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from factories import (
    MembershipFactory,
    NodeRunFactory,
    RunFactory,
    UserFactory,
    WorkflowFactory,
)

from workflows.models import Role, Run, RunState
from workflows.streams.ticket import read

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def static_root(settings):
    """The middleware that serves static files warns of a folder that is not there."""
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture
def run():
    return RunFactory(workflow=WorkflowFactory(name="Orders"), state=RunState.RUNNING)


@pytest.fixture
def viewer(run):
    user = UserFactory(password=None)
    MembershipFactory(user=user, team=run.workflow.team, role=Role.VIEWER)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def stranger():
    client = Client()
    client.force_login(MembershipFactory(user__password=None, role=Role.ADMIN).user)
    return client


def look(client: Client, run: Run):
    return client.get(reverse("workflows:live-parts"), {"topic": f"run:{run.pk}"})


def log_of(run: Run) -> str:
    return reverse("workflows:run-log", args=[run.pk])


def test_a_browser_without_a_stream_may_ask_for_all_parts(viewer, run):
    parts = look(viewer, run).json()["parts"]
    assert "Running" in parts["run-summary"]
    assert parts["run-state"] == "RUNNING"


def test_with_the_parts_comes_a_ticket_for_their_stream(viewer, run):
    assert read(look(viewer, run).json()["ticket"]).topics == (f"run:{run.pk}",)


def test_fragments_of_another_team_do_not_exist(stranger, run):
    assert look(stranger, run).status_code == 404
    assert stranger.get(log_of(run)).status_code == 404


def test_a_topic_that_does_not_exist_is_not_found(viewer):
    assert viewer.get(reverse("workflows:live-parts"), {"topic": "run:1"}).status_code == 404
    assert viewer.get(reverse("workflows:live-parts"), {"topic": "nonsense"}).status_code == 404


def test_a_visitor_is_asked_to_log_in(client, run):
    assert look(client, run).url.startswith("/admin/login/")


def test_a_post_is_refused(viewer):
    assert viewer.post(reverse("workflows:live-parts")).status_code == 405


def test_the_parts_cost_the_same_whatever_the_number_of_nodes(
    viewer, run, django_assert_max_num_queries
):
    NodeRunFactory.create_batch(20, run=run)
    with django_assert_max_num_queries(7):
        look(viewer, run)


@pytest.fixture
def logged(run, prefect):
    """A run known to Prefect, with three lines, one of them of a node."""
    from workers.prefect.gateway import DeploymentSpec

    spec = DeploymentSpec(name="wf", pool="default-agent-pool", parameters={}, tags=())
    flow_run = prefect.create_run(prefect.upsert_deployment(spec).id)
    mirrored = RunFactory(id=flow_run.id, workflow=run.workflow, state=RunState.RUNNING)
    task = prefect.advance_node(flow_run.id, "keep", "RUNNING")
    NodeRunFactory(run=mirrored, node_key="keep", node_name="Keep", task_run_id=task.id)
    prefect.write_log(flow_run.id, "run started")
    prefect.write_log(flow_run.id, "<b>312 rows kept</b>", task_run_id=task.id)
    prefect.write_log(flow_run.id, "disk is nearly full", level=30)
    return mirrored


def test_the_log_shows_lines_with_their_node(viewer, logged):
    text = viewer.get(log_of(logged)).content.decode()
    assert "run started" in text
    assert '<td class="log-node">Keep</td>' in text
    assert "&lt;b&gt;312 rows kept" in text


def test_the_log_is_filtered_by_node(viewer, logged):
    text = viewer.get(log_of(logged), {"node": "keep"}).content.decode()
    assert "312 rows kept" in text
    assert "run started" not in text


def test_the_log_is_filtered_by_level(viewer, logged):
    text = viewer.get(log_of(logged), {"level": "30"}).content.decode()
    assert "disk is nearly full" in text
    assert "run started" not in text


def test_the_log_goes_on_where_it_ended(viewer, logged):
    text = viewer.get(log_of(logged), {"offset": "2"}).content.decode()
    assert "run started" not in text
    assert "offset=3" in text
    assert 'hx-trigger="load delay:2s"' in text


def test_a_log_that_cannot_be_read_says_so(viewer, logged, prefect):
    prefect.go_down()
    answer = viewer.get(log_of(logged))
    assert answer.status_code == 200
    assert "the log cannot be read now" in answer.content.decode()


def test_nonsense_in_the_address_is_ignored(viewer, logged):
    assert viewer.get(log_of(logged), {"level": "high", "offset": "-3"}).status_code == 200
