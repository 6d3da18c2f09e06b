from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from django.urls import reverse
from factories import MembershipFactory, RunFactory
from playwright.sync_api import expect

from workflows.models import LogLine, Role, Run, RunLog

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
LINES = 3_000


def write(run: Run, first: int, last: int, text: str = "\x1b[31mline\x1b[0m {} <b>") -> None:
    LogLine.objects.bulk_create(
        LogLine(run=run, at=AT, level=20, text=text.format(n), source_id=uuid.uuid4())
        for n in range(first, last)
    )
    RunLog.objects.update_or_create(run=run, defaults={"lines": last})


@pytest.fixture
def run(site):
    run = RunFactory()
    write(run, 0, LINES)
    return run


@pytest.fixture
def page_of_run(run, sign_in):
    member = MembershipFactory(
        user__password=None, user__is_staff=True, team=run.workflow.team, role=Role.VIEWER
    )
    page = sign_in(member.user)
    page.goto(reverse("admin:workflows_run_change", args=[run.pk]))
    return page


def line(page, number: int):
    return page.locator(".log-row", has_text=f"line {number} <b>")


def test_a_long_log_is_a_few_elements_and_begins_at_its_end(page_of_run):
    expect(line(page_of_run, LINES - 1)).to_be_visible()
    assert page_of_run.locator(".log-row").count() < 100
    expect(page_of_run.locator(".ansi-1").first).to_have_text("line")


def test_new_lines_are_followed(page_of_run, run):
    expect(page_of_run.locator("#live")).to_have_text("Live")
    write(run, LINES, LINES + 10)
    expect(line(page_of_run, LINES + 9)).to_be_visible()


def test_a_search_goes_through_lines_that_are_out_of_sight(page_of_run, run):
    expect(line(page_of_run, LINES - 1)).to_be_visible()
    search = page_of_run.get_by_role("searchbox")
    search.fill("1234 <B>")
    search.press("Enter")
    expect(line(page_of_run, 1234)).to_be_visible()
    expect(page_of_run.locator(".log-chosen mark")).to_have_text("1234 <b>")


def test_a_link_leads_to_its_line(page_of_run, run):
    chosen = LogLine.objects.get(run=run, text__contains=" 77 ")
    page_of_run.goto(f"{page_of_run.url}#line-{chosen.pk}")
    page_of_run.reload()
    expect(page_of_run.locator(".log-chosen")).to_contain_text("line 77 <b>")


def test_logs_of_a_workflow_name_the_run(page_of_run, run):
    Run.objects.update(created_at=datetime.now(UTC))
    page_of_run.goto(reverse("admin:workflows_workflow_logs", args=[run.workflow_id]))
    expect(page_of_run.locator(".log-run").first).to_have_text(str(run))


def test_rows_are_used_again_in_the_order_of_their_lines(page_of_run):
    expect(line(page_of_run, LINES - 1)).to_be_visible()
    rows = page_of_run.locator(".log-row")
    one = rows.nth(20).element_handle()
    for top in (20_000, 20_500, 19_800):
        page_of_run.locator(".log").evaluate(f"log => {{ log.scrollTop = {top} }}")
        expect(line(page_of_run, top // 18 + 1)).to_be_visible()
    numbers = [int(text) for text in page_of_run.locator(".log-number").all_text_contents()]
    assert numbers == list(range(numbers[0], numbers[0] + rows.count()))
    assert one.evaluate("row => row.isConnected")


def test_rules_of_the_page_do_not_reach_the_lines(page_of_run):
    expect(line(page_of_run, LINES - 1)).to_be_visible()
    page_of_run.add_style_tag(content=".log-row { display: none }")
    expect(line(page_of_run, LINES - 1)).to_be_visible()
