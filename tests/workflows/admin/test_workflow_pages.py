from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.urls import reverse
from factories import (
    NodeFactory,
    PoolAssignmentFactory,
    RegistrationFactory,
    RunFactory,
    ScheduleFactory,
    TeamFactory,
    VersionFactory,
    WorkflowFactory,
)

from workflows.models import Registration, RegistrationState, Role, RunState

pytestmark = pytest.mark.django_db

LIST = "/admin/workflows/workflow/"


def fill(team, number: int) -> None:
    for _ in range(number):
        workflow = WorkflowFactory(team=team)
        RunFactory(workflow=workflow, state=RunState.COMPLETED)
        ScheduleFactory(workflow=workflow)


def test_the_list_costs_the_same_whatever_its_length(
    root, team, django_assert_num_queries, django_assert_max_num_queries
):
    fill(team, 2)
    root.get(LIST)
    with django_assert_max_num_queries(12) as few:
        root.get(LIST)
    fill(team, 10)
    with django_assert_num_queries(len(few)):
        root.get(LIST)


def test_the_list_shows_state_by_word_and_icon(root, team):
    workflow = WorkflowFactory(team=team)
    Registration.objects.filter(workflow=workflow).update(state=RegistrationState.FAILED)
    RunFactory(workflow=workflow, state=RunState.CRASHED, created_at=datetime.now(UTC))
    page = root.get(LIST).content.decode()
    assert 'aria-hidden="true">error</span>Failed</span>' in page
    assert 'aria-hidden="true">crisis_alert</span>Crashed</span>' in page


def test_the_list_shows_the_newest_run(root, team):
    workflow = WorkflowFactory(team=team)
    RunFactory(
        workflow=workflow, state=RunState.FAILED, created_at=datetime(2020, 1, 1, tzinfo=UTC)
    )
    newest = RunFactory(workflow=workflow, state=RunState.COMPLETED)
    page = root.get(LIST).content.decode()
    assert f"/admin/workflows/run/{newest.pk}/change/" in page
    assert page.count("/admin/workflows/run/") == 1 + 1  # the sidebar's own link


def test_a_paused_workflow_shows_no_next_run(root, team):
    ScheduleFactory(workflow=WorkflowFactory(team=team, is_paused=True))
    page = root.get(LIST).content.decode()
    assert "</span>Paused</span>" in page
    assert "from now" not in page


def test_the_list_holds_only_the_teams_workflows(as_role, team):
    WorkflowFactory(team=team, name="Ours")
    WorkflowFactory(team=TeamFactory(), name="Theirs")
    page = as_role(Role.VIEWER).get(LIST).content.decode()
    assert "Ours" in page
    assert "Theirs" not in page


def test_the_page_of_another_teams_workflow_answers_404(stranger, team):
    workflow = WorkflowFactory(team=team)
    change = reverse("admin:workflows_workflow_change", args=[workflow.pk])
    assert stranger.get(change).status_code == 404
    assert stranger.post(change, {"name": "Mine"}).status_code == 404


def test_a_viewer_sees_the_form_but_cannot_save(as_role, team):
    workflow = WorkflowFactory(team=team, name="Orders")
    NodeFactory(workflow=workflow, key="read")
    change = reverse("admin:workflows_workflow_change", args=[workflow.pk])
    viewer = as_role(Role.VIEWER)
    assert b'name="_save"' not in viewer.get(change).content
    assert viewer.post(change, {"name": "Mine"}).status_code == 403


def test_the_page_says_what_to_mend_and_what_keeps_running(root, team):
    workflow = WorkflowFactory(team=team)
    issue = {"code": "E_X", "severity": "error", "node": "keep", "field": "condition"}
    registration = RegistrationFactory(workflow=workflow)
    registration.state = RegistrationState.FAILED
    registration.issues = [{**issue, "message": "unknown column 'salry'"}]
    registration.version = VersionFactory(workflow=workflow, number=7)
    registration.save()
    page = root.get(reverse("admin:workflows_workflow_change", args=[workflow.pk]))
    text = page.content.decode()
    assert "<code>keep</code>" in text
    assert "unknown column &#x27;salry&#x27;" in text
    assert "Version 7 keeps running" in text


def test_the_page_says_why_this_pool(root, team):
    receipt = {
        "summary": "etl-pool, because 3 database nodes are more than 2",
        "counterfactual": "one database node fewer would choose default-agent-pool",
        "capacity": {},
        "rule": {"compared": []},
    }
    workflow = WorkflowFactory(team=team)
    PoolAssignmentFactory(workflow=workflow, receipt=receipt)
    page = root.get(reverse("workflows:workflow-overview", args=[workflow.pk]))
    text = page.content.decode()
    assert "etl-pool, because 3 database nodes are more than 2" in text
    assert "One database node fewer would choose default-agent-pool" in text
