"""Pages that lie open while something happens."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone
from factories import MembershipFactory, PoolFactory, RunFactory, WorkflowFactory
from playwright.sync_api import Page, expect

from workers.models import Pool
from workflows.models import Registration, RegistrationState, Role, Run, RunState, Workflow


@pytest.fixture
def workflow(site) -> Workflow:
    return WorkflowFactory(name="Orders")


@pytest.fixture
def open_page(workflow, sign_in):
    """Function: a member's page at an address, once it is live."""
    member = MembershipFactory(
        user__password=None, user__is_staff=True, team=workflow.team, role=Role.VIEWER
    )

    def open_page(name: str, *args: object) -> Page:
        page: Page = sign_in(member.user)
        page.goto(reverse(f"admin:{name}", args=args))
        expect(page.locator("#live")).to_have_text("Live")
        return page

    return open_page


def start(workflow: Workflow, **more) -> Run:
    at = timezone.now()
    return RunFactory(workflow=workflow, state=RunState.RUNNING, state_at=at, created_at=at, **more)


def fail(run: Run) -> None:
    at = timezone.now()
    Run.objects.filter(pk=run.pk).update(state=RunState.FAILED, state_at=at, ended_at=at)


def test_home_shows_a_run_that_begins(open_page, workflow):
    page = open_page("index")
    expect(page.locator("#home-today")).to_contain_text("No runs yet")
    start(workflow)
    expect(page.locator("#home-today").get_by_role("link", name="Orders")).to_be_visible()
    expect(page.locator("#home-today canvas")).to_be_visible()


def test_a_list_of_runs_shows_how_they_end_and_tells_of_new_ones(open_page, workflow):
    run = start(workflow)
    page = open_page("workflows_run_changelist")
    fail(run)
    expect(page.locator(".field-status")).to_contain_text("Failed")
    expect(page.get_by_text("New runs have come")).not_to_be_visible()
    start(workflow)
    expect(page.get_by_text("New runs have come")).to_be_visible()
    page.get_by_role("link", name="Show them").click()
    expect(page.locator("#result_list")).to_contain_text("Running")


def test_a_workflow_shows_its_registration_and_its_runs(open_page, workflow):
    page = open_page("workflows_workflow_change", workflow.pk)
    Registration.objects.update(state=RegistrationState.FAILED, reason="no pool takes it")
    expect(page.get_by_text("no pool takes it")).to_be_visible()
    start(workflow)
    expect(page.locator("#workflow-overview").get_by_text("Running").first).to_be_visible()


def test_pools_and_a_pool_show_a_pause(open_page):
    pool = PoolFactory(name="night-pool")
    page = open_page("workers_pool_changelist")
    Pool.objects.update(is_paused=True)
    expect(page.locator("#pool-load")).to_contain_text("Paused")
    page = open_page("workers_pool_change", pool.pk)
    expect(page.locator("#pool-runs")).to_contain_text("The pool is paused and empty")
    Pool.objects.update(is_paused=False)
    expect(page.locator("#pool-runs")).not_to_contain_text("paused")


@pytest.mark.slow
def test_a_page_without_a_stream_asks(open_page, workflow):
    page = open_page("index")
    page.route("**/sse/**", lambda route: route.abort())
    page.goto(page.url)
    start(workflow)
    expect(page.locator("#home-today").get_by_role("link", name="Orders")).to_be_visible()
    expect(page.locator("#live")).to_contain_text("interrupted")
