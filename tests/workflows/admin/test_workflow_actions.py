from __future__ import annotations

import pytest
from django.urls import reverse
from factories import WorkflowFactory

from workflows.models import RegistrationOutbox, Role, Run, Workflow

pytestmark = pytest.mark.django_db

ACTIONS = ["run_now", "pause", "resume", "register_again"]
SUBMIT = {"_form_submitted": "on"}


def address(action: str, workflow: Workflow) -> str:
    return reverse(f"admin:workflows_workflow_{action}", args=[workflow.pk])


def generation(workflow: Workflow) -> int:
    return RegistrationOutbox.objects.get(workflow_id=workflow.pk).generation


@pytest.mark.parametrize("action", ACTIONS)
def test_a_get_asks_and_changes_nothing(root, registered, prefect, action):
    prefect.calls.clear()
    before = generation(registered)
    answer = root.get(address(action, registered))
    assert answer.status_code == 200
    assert b"_form_submitted" in answer.content
    assert (prefect.calls, generation(registered), Run.objects.count()) == ([], before, 0)


def test_a_post_without_the_dialogs_form_changes_nothing(root, registered):
    root.post(address("pause", registered), {"anything": "else"})
    registered.refresh_from_db()
    assert not registered.is_paused


def test_a_post_without_csrf_token_is_refused(root, registered):
    root.handler.enforce_csrf_checks = True
    assert root.post(address("run_now", registered), SUBMIT).status_code == 403
    assert not Run.objects.exists()


def test_run_now_leads_to_the_page_of_the_run(root, registered):
    answer = root.post(address("run_now", registered), SUBMIT)
    run = Run.objects.get(workflow=registered)
    assert answer.url == reverse("admin:workflows_run_change", args=[run.pk])


def test_a_dialog_redirects_the_page_around_it(root, registered):
    answer = root.post(address("run_now", registered), SUBMIT, headers={"hx-request": "true"})
    run = Run.objects.get(workflow=registered)
    assert answer["HX-Redirect"] == reverse("admin:workflows_run_change", args=[run.pk])


def test_run_now_says_why_it_did_not_start(root, registered):
    Workflow.objects.update(is_enabled=False)
    answer = root.post(address("run_now", registered), SUBMIT, follow=True)
    assert b"Not started: the workflow is disabled" in answer.content


def test_pause_and_resume_mark_the_workflow(root, registered):
    before = generation(registered)
    root.post(address("pause", registered), SUBMIT)
    registered.refresh_from_db()
    assert registered.is_paused
    assert generation(registered) > before
    root.post(address("resume", registered), SUBMIT)
    registered.refresh_from_db()
    assert not registered.is_paused


def test_register_again_makes_the_workflow_due(root, registered):
    before = generation(registered)
    root.post(address("register_again", registered), SUBMIT)
    assert generation(registered) > before


@pytest.mark.parametrize("action", ACTIONS)
def test_a_workflow_of_another_team_does_not_exist(stranger, registered, action):
    assert stranger.get(address(action, registered)).status_code == 404
    assert stranger.post(address(action, registered), SUBMIT).status_code == 404


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.VIEWER, set()),
        (Role.OPERATOR, {"run_now", "pause", "resume"}),
        (Role.EDITOR, set(ACTIONS)),
    ],
)
def test_the_role_decides_the_actions(as_role, registered, role, allowed):
    client = as_role(role)
    answers = {action: client.get(address(action, registered)).status_code for action in ACTIONS}
    assert {action for action, status in answers.items() if status == 200} == allowed
    assert set(answers.values()) <= {200, 403}


@pytest.mark.parametrize("object_id", ["nonsense", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_id_answers_404(root, object_id):
    assert root.get(f"/admin/workflows/workflow/{object_id}/run_now/").status_code == 404


def test_the_page_offers_pause_or_resume_not_both(root, registered):
    change = reverse("admin:workflows_workflow_change", args=[registered.pk])
    assert address("resume", registered) not in root.get(change).content.decode()
    Workflow.objects.update(is_paused=True)
    page = root.get(change).content.decode()
    assert address("resume", registered) in page
    assert address("pause", registered) not in page


def test_selected_workflows_are_paused_where_the_role_allows(as_role, team):
    workflows = WorkflowFactory.create_batch(2, team=team)
    selected = {"_selected_action": [str(w.pk) for w in workflows], "action": "pause_selected"}
    as_role(Role.OPERATOR).post(reverse("admin:workflows_workflow_changelist"), selected)
    assert Workflow.objects.filter(is_paused=True).count() == 2


def test_a_viewer_is_offered_no_action_for_selected_workflows(as_role, team):
    workflow = WorkflowFactory(team=team)
    selected = {"_selected_action": [str(workflow.pk)], "action": "pause_selected"}
    as_role(Role.VIEWER).post(reverse("admin:workflows_workflow_changelist"), selected)
    assert not Workflow.objects.filter(is_paused=True).exists()
