"""What operators do most, in as few clicks as promised."""

from __future__ import annotations

import pytest
from django.urls import reverse
from factories import (
    MembershipFactory,
    NodeFactory,
    NodeRunFactory,
    PoolFactory,
    RunFactory,
    UserFactory,
    WorkerSeenFactory,
    WorkflowFactory,
)
from playwright.sync_api import Page, expect

from workflows.models import Role, Run, RunState, Workflow


@pytest.fixture
def workflow(site) -> Workflow:
    workflow = WorkflowFactory(name="Orders")
    NodeFactory(workflow=workflow, key="read", kind="database_source")
    return workflow


def visit(sign_in, workflow: Workflow, role: Role) -> Page:
    user = UserFactory(password=None, is_staff=True)
    MembershipFactory(user=user, team=workflow.team, role=role)
    page: Page = sign_in(user)
    page.goto(reverse("admin:index"))
    return page


def test_the_cause_of_a_failure_is_two_clicks_from_home(workflow, sign_in):
    cause = "null value in column 'email' of relation 'contacts'"
    run = RunFactory(workflow=workflow, state=RunState.FAILED)
    NodeRunFactory(run=run, node_key="read", state=RunState.FAILED, message=cause)
    page = visit(sign_in, workflow, Role.VIEWER)
    page.get_by_role("link", name="1 Failed in 24 hours").click()
    page.get_by_role("link", name="Failed").first.click()
    expect(page.get_by_text(cause).first).to_be_visible()


def test_a_paused_pool_is_the_reason_that_a_run_waits(workflow, sign_in):
    pool = PoolFactory(name="night-pool")
    WorkerSeenFactory(pool=pool)
    run = RunFactory(workflow=workflow, state=RunState.SCHEDULED, pool=pool.name)
    page: Page = sign_in(UserFactory(password=None, is_staff=True, is_superuser=True))
    page.goto(reverse("admin:workers_pool_change", args=[pool.pk]))
    page.get_by_role("link", name="Pause").click()
    page.locator("#dialog").get_by_role("button", name="Pause").click()
    expect(page.get_by_text("night-pool is paused").first).to_be_visible()
    page.goto(reverse("admin:workflows_run_change", args=[run.pk]))
    expect(page.get_by_text("Waiting: pool 'night-pool' is paused")).to_be_visible()


def test_a_viewer_is_offered_no_way_to_run(workflow, sign_in):
    page = visit(sign_in, workflow, Role.VIEWER)
    change = reverse("admin:workflows_workflow_change", args=[workflow.pk])
    for address in (reverse("admin:workflows_workflow_changelist"), change):
        page.goto(address)
        expect(page.locator('[href*="run_now"], option[value="run_selected"]')).to_have_count(0)
        page.keyboard.press("r")
        expect(page.locator("#dialog")).to_have_count(0)


def by_hand(page: Page, workflow: Workflow, run: Run) -> dict[str, int]:
    """Everything that starts a run, sent without the page that offers it → what was answered."""
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    token = cookies.get("csrftoken", "")
    form = {"_form_submitted": "on", "csrfmiddlewaretoken": token}
    dialogs = {
        "run now": reverse("admin:workflows_workflow_run_now", args=[workflow.pk]),
        "retry": reverse("admin:workflows_run_retry", args=[run.pk]),
        "retry from failed": reverse("admin:workflows_run_retry_failed", args=[run.pk]),
    }
    found = {name: page.request.post(path, form=form).status for name, path in dialogs.items()}
    header = {"X-CSRFToken": token}
    execute = {"workflow_id": str(workflow.pk)}
    calls = {
        "execute": (reverse("api:workflow-execute"), execute),
        "execute in a pool": (reverse("api:workers-execute"), execute),
        "retry by API": (reverse("api:run-retry", args=[run.pk]), {}),
    }
    for name, (path, body) in calls.items():
        found[name] = page.request.post(path, data=body, headers=header).status
    return found


def test_a_viewer_who_asks_by_hand_is_refused_everywhere(workflow, sign_in):
    run = RunFactory(workflow=workflow, state=RunState.FAILED)
    page = visit(sign_in, workflow, Role.VIEWER)
    page.goto(reverse("admin:workflows_run_change", args=[run.pk]))
    answers = by_hand(page, workflow, run)
    assert answers == dict.fromkeys(answers, 403)
    chosen = {"action": "run_selected", "_selected_action": str(workflow.pk)}
    page.request.post(reverse("admin:workflows_workflow_changelist"), form=chosen)
    assert list(Run.objects.all()) == [run]


def test_a_schedule_is_told_in_the_zone_of_the_browser(workflow, sign_in):
    page = visit(sign_in, workflow, Role.VIEWER)
    zone = page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    cookies = {one["name"]: one["value"] for one in page.context.cookies()}
    assert cookies["flowadmin_zone"] == zone.replace("/", "%2F")
