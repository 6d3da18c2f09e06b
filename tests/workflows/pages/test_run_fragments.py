from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from factories import (
    MembershipFactory,
    NodeRunFactory,
    PoolFactory,
    RunFactory,
    UserFactory,
    VersionFactory,
    WorkflowFactory,
)

from workflows.models import Registration, Role, Run, RunState
from workflows.streams.ticket import read

pytestmark = pytest.mark.django_db


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


def test_a_browser_without_a_stream_may_ask_for_all_parts(viewer, run):
    parts = look(viewer, run).json()["parts"]
    assert "Running" in parts["run-summary"]
    assert parts["run-state"] == "RUNNING"


def test_a_run_that_waits_for_a_pool_leads_to_it(viewer, run):
    pool = PoolFactory(is_paused=True)
    Run.objects.update(state=RunState.SCHEDULED, pool=pool.name)
    summary = look(viewer, run).json()["parts"]["run-summary"]
    assert reverse("admin:workers_pool_change", args=[pool.pk]) in summary


def test_no_node_of_a_cancelled_run_goes_on(viewer, run):
    now = timezone.now()
    NodeRunFactory(run=run, state=RunState.RUNNING, started_at=now)
    NodeRunFactory(run=run, state=RunState.SCHEDULED)
    Run.objects.update(state=RunState.CANCELLED, started_at=now, ended_at=now)
    nodes = look(viewer, run).json()["parts"]["run-nodes"]
    assert "Running" not in nodes
    assert "Cancelled" in nodes
    assert "Skipped" in nodes


def test_a_run_that_ended_says_which_other_version_a_retry_runs(viewer, run):
    old, new = (VersionFactory(workflow=run.workflow, number=number) for number in (1, 2))
    Registration.objects.update_or_create(workflow=run.workflow, defaults={"version": new})
    Run.objects.update(version=old, state=RunState.FAILED)
    assert "a retry runs v2" in look(viewer, run).json()["parts"]["run-summary"]
    Run.objects.update(version=new)
    assert "a retry runs" not in look(viewer, run).json()["parts"]["run-summary"]


def test_with_the_parts_comes_a_ticket_for_their_stream(viewer, run):
    assert read(look(viewer, run).json()["ticket"]).topics == (f"run:{run.pk}",)


def test_fragments_of_another_team_do_not_exist(stranger, run):
    assert look(stranger, run).status_code == 404


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
