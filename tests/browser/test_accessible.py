"""Every kind of page as axe and a keyboard meet it."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from factories import (
    AlertChannelFactory,
    AlertDeliveryFactory,
    AlertRuleFactory,
    ApiTokenFactory,
    ConnectionFactory,
    MembershipFactory,
    NodeFactory,
    NodeRunFactory,
    PoolFactory,
    PoolSampleFactory,
    RunFactory,
    ScheduleFactory,
    UserFactory,
    VersionFactory,
    WorkflowFactory,
)
from playwright.sync_api import Page, expect

from workflows.models import AuditEntry, RetentionPolicy, Role, RunState

_SERIOUS = ("serious", "critical")


@pytest.fixture
def workflow(site):
    workflow = WorkflowFactory(name="Orders", parameters={"limit": 5})
    NodeFactory(workflow=workflow, key="read", kind="database_source")
    ScheduleFactory(workflow=workflow)
    return workflow


@pytest.fixture
def editor(workflow, sign_in) -> Page:
    member = MembershipFactory(
        user__password=None, user__is_staff=True, team=workflow.team, role=Role.EDITOR
    )
    return sign_in(member.user)


@pytest.fixture
def root(site, sign_in) -> Page:
    return sign_in(UserFactory(password=None, is_staff=True, is_superuser=True))


@pytest.fixture
def addresses(workflow) -> dict[str, str]:
    """A page of each kind that has something to show."""
    run = RunFactory(workflow=workflow, state=RunState.FAILED, message="no such table")
    NodeRunFactory(run=run, node_key="read", state=RunState.FAILED)
    pool = PoolFactory(name="shared-pool")
    PoolSampleFactory(pool=pool, active=2, queued=1)
    team = workflow.team
    rule = AlertRuleFactory(team=team)
    rows = {
        "run": run,
        "workflow": workflow,
        "version": VersionFactory(workflow=workflow),
        "connection": ConnectionFactory(team=team),
        "pool": pool,
        "team": team,
        "token": ApiTokenFactory(team=team),
        "alert": rule,
        "channel": (channel := AlertChannelFactory(team=team)),
        "message": AlertDeliveryFactory(channel=channel),
        "audit": AuditEntry.objects.latest("pk"),
        "retention": RetentionPolicy.objects.get_or_create(team=None)[0],
    }
    pages = {name: _change(row) for name, row in rows.items()}
    lists = {f"{name}s": reverse(f"admin:{_label(row)}_changelist") for name, row in rows.items()}
    logs = reverse("admin:workflows_workflow_logs", args=[workflow.pk])
    importing = reverse("admin:workflows_workflow_import_payload")
    return {"home": reverse("admin:index"), "import": importing, "logs": logs, **lists, **pages}


def _label(row) -> str:
    return f"{row._meta.app_label}_{row._meta.model_name}"


def _change(row) -> str:
    return reverse(f"admin:{_label(row)}_change", args=[row.pk])


def serious_faults(page: Page) -> dict[str, str]:
    """Rule of axe → the first element that breaks it."""
    found = Axe().run(page).response["violations"]
    return {one["id"]: one["nodes"][0]["html"] for one in found if one["impact"] in _SERIOUS}


def use_theme(page: Page, theme: str) -> None:
    page.add_init_script(f"localStorage.setItem('adminTheme', '\"{theme}\"')")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_fault_on_any_page(root, addresses, theme):
    use_theme(root, theme)
    faults = {}
    for name, address in addresses.items():
        root.goto(address)
        expect(root.locator(".loading")).to_have_count(0)
        faults |= {(name, rule): html for rule, html in serious_faults(root).items()}
    assert faults == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_fault_in_the_palette(root, workflow, theme):
    use_theme(root, theme)
    root.goto(reverse("admin:index"))
    root.keyboard.press("Control+k")
    root.locator("#search-input-command").press_sequentially("orders")
    expect(root.locator("#command-results")).to_contain_text("Workflow Team")
    assert serious_faults(root) == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_fault_at_the_door(page, theme):
    use_theme(page, theme)
    page.goto(reverse("admin:login"))
    assert serious_faults(page) == {}


def test_keys_alone_lead_to_a_workflow_and_its_run_dialog(editor, workflow):
    editor.goto(reverse("admin:index"))
    editor.keyboard.press("g")
    editor.keyboard.press("w")
    editor.wait_for_url("**/workflows/workflow/")
    editor.keyboard.press("/")
    editor.keyboard.type("orde")
    editor.keyboard.press("Enter")
    editor.wait_for_url("**q=orde**")
    editor.get_by_role("link", name="Orders", exact=True).focus()
    editor.keyboard.press("Enter")
    editor.wait_for_url(f"**/{workflow.pk}/change/**")
    editor.keyboard.press("r")
    expect(editor.locator("#dialog")).to_contain_text("Run now")


def test_keys_mean_nothing_while_somebody_writes(editor, workflow):
    editor.goto(_change(workflow))
    editor.get_by_label("Description").focus()
    editor.keyboard.type("gr?r")
    expect(editor.get_by_label("Description")).to_have_value("gr?r")
    expect(editor.locator("#shortcuts")).not_to_be_visible()


def test_the_question_mark_lists_the_keys(editor, workflow):
    editor.goto(reverse("admin:index"))
    editor.keyboard.press("?")
    expect(editor.get_by_role("dialog", name="Keyboard")).to_be_visible()


def test_ctrl_k_finds_a_workflow(editor, workflow):
    editor.goto(reverse("admin:index"))
    editor.keyboard.press("Control+k")
    editor.locator("#search-input-command").press_sequentially("orders")
    expect(editor.locator("#command-results")).to_contain_text("Workflow Team")


def test_the_menu_of_a_row_opens_by_key_and_gives_the_focus_back(editor, workflow):
    editor.goto(reverse("admin:workflows_workflow_changelist"))
    button = editor.get_by_role("button", name="Actions of Orders")
    button.focus()
    editor.keyboard.press("Enter")
    expect(editor.get_by_role("menuitem", name="Run now")).to_be_focused()
    editor.keyboard.press("Escape")
    expect(button).to_be_focused()
