from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone
from factories import MembershipFactory, NodeRunFactory, RunFactory, WorkflowFactory
from playwright.sync_api import expect

from workflows.models import NodeRun, Role, Run, RunState


@pytest.fixture
def run(site):
    run = RunFactory(workflow=WorkflowFactory(name="Orders"), state=RunState.RUNNING)
    NodeRunFactory(run=run, node_key="read", state=RunState.RUNNING)
    return run


@pytest.fixture
def page_of_run(run, sign_in):
    member = MembershipFactory(
        user__password=None, user__is_staff=True, team=run.workflow.team, role=Role.OPERATOR
    )
    page = sign_in(member.user)
    page.goto(reverse("admin:workflows_run_change", args=[run.pk]))
    return page


def end(run: Run) -> None:
    ended = {"state": RunState.COMPLETED, "state_name": "Completed", "state_at": timezone.now()}
    NodeRun.objects.filter(run=run).update(rows_out=312, **ended)
    Run.objects.filter(pk=run.pk).update(ended_at=timezone.now(), **ended)


def test_the_end_of_a_run_is_seen_without_a_reload(page_of_run, run):
    expect(page_of_run.locator("#run-summary")).to_contain_text("Running")
    expect(page_of_run.locator("#live")).to_have_text("Live")
    end(run)
    expect(page_of_run.locator("#run-summary")).to_contain_text("Completed")
    expect(page_of_run.get_by_role("cell", name="312")).to_be_visible()


def test_a_run_that_has_ended_cannot_be_cancelled_any_more(page_of_run, run):
    cancel = page_of_run.get_by_role("link", name="Cancel run")
    expect(cancel).to_be_visible()
    expect(page_of_run.locator("#live")).to_have_text("Live")
    end(run)
    expect(cancel).to_have_count(0)


def test_without_a_stream_the_page_asks(page_of_run, run):
    page_of_run.route("**/sse/**", lambda route: route.abort())
    page_of_run.goto(page_of_run.url)
    end(run)
    expect(page_of_run.locator("#run-summary")).to_contain_text("Completed")
    expect(page_of_run.locator("#live")).to_contain_text("interrupted")
