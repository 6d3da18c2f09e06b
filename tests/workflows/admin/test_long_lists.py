from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from factories import RunFactory, TeamFactory, WorkflowFactory

from workflows.admin import paginator
from workflows.admin.audit import AuditEntryAdmin
from workflows.admin.endless import EndlessPaginator, Place
from workflows.admin.paginator import CappedPaginator
from workflows.admin.run import RunAdmin
from workflows.models import AuditEntry, Run, Workflow

pytestmark = pytest.mark.django_db
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
WORKFLOWS = "/admin/workflows/workflow/"


def test_a_list_is_counted_up_to_its_cap_only(team, monkeypatch):
    monkeypatch.setattr(paginator, "ROWS_AT_MOST", 3)
    WorkflowFactory.create_batch(5, team=team)
    pages = CappedPaginator(Workflow.objects.all(), 2)
    assert (pages.count, pages.num_pages, pages.has_more) == (3, 2, True)


def test_a_page_has_its_rows_in_order(team):
    names = sorted(f"W{n}" for n in range(7))
    for name in reversed(names):
        WorkflowFactory(team=team, name=name)
    page = CappedPaginator(Workflow.objects.order_by("name"), 3).page(2)
    assert [row.name for row in page.object_list] == names[3:6]


def test_results_are_counted_beside_a_search_only(root, team):
    WorkflowFactory(team=team, name="Orders")
    WorkflowFactory(team=team, name="Customers")
    assert "Show all" not in root.get(WORKFLOWS).content.decode()
    found = " ".join(root.get(WORKFLOWS, {"q": "orders"}).content.decode().split())
    assert '1 result (<a href="?">Show all</a>)' in found


def _runs(number, at=MOMENT):
    """Made at one moment, two by two: the id decides between them."""
    return [RunFactory(created_at=at + timedelta(minutes=n // 2)) for n in range(number)]


def _walk(way, place):
    """The rows of each page from a place on, one way to the end."""
    pages = []
    while True:
        paginator = EndlessPaginator(Run.objects.all(), 2, place)
        pages.append(paginator.page(1).object_list)
        place = getattr(paginator, way)
        if place is None:
            return pages
        assert Place.read(str(place), Run) == place


def test_pages_of_older_runs_hold_each_run_once():
    _runs(5)
    rows = [row for page in _walk("older", None) for row in page]
    assert rows == list(Run.objects.all())


def test_pages_of_newer_runs_lead_back_to_the_newest():
    _runs(6)
    oldest = Run.objects.last()
    pages = _walk("newer", Place("newer", oldest.created_at, oldest.pk))
    assert pages[-1] == list(Run.objects.all()[:2])


def test_a_run_that_comes_meanwhile_does_not_move_the_older_ones():
    _runs(4)
    first = EndlessPaginator(Run.objects.all(), 2)
    first.page(1)
    expected = list(Run.objects.all()[2:])
    _runs(1, MOMENT + timedelta(hours=1))
    assert EndlessPaginator(Run.objects.all(), 2, first.older).page(1).object_list == expected


@pytest.mark.parametrize("text", ["", "7", "older~x~y", "older~2026-01-01~", "later~2026~1"])
def test_what_is_no_place_is_the_first_page(root, text):
    assert Place.read(text, Run) is None
    assert root.get("/admin/workflows/run/", {"p": text}).status_code == 200


def test_the_run_list_leads_to_older_runs_with_its_filters(root, monkeypatch):
    monkeypatch.setattr(RunAdmin, "list_per_page", 2)
    _runs(3)
    page = root.get("/admin/workflows/run/", {"state__exact": "SCHEDULED"}).content.decode()
    (link,) = re.findall(r'href="([^"]*)" rel="next"', page)
    older = root.get("/admin/workflows/run/" + html.unescape(link)).content.decode()
    assert "state__exact=SCHEDULED" in link
    assert older.count('class="row-menu"') == 1


def test_the_audit_log_is_turned_from_its_newest_entry_to_its_first(root, monkeypatch):
    monkeypatch.setattr(AuditEntryAdmin, "list_per_page", 2)
    AuditEntry.objects.all().delete()
    made = [AuditEntry.objects.write("workflow.run") for _ in range(5)]
    AuditEntry.objects.update(at=MOMENT)
    address, seen = "/admin/workflows/auditentry/?event=workflow.run", []
    while address:
        page = root.get(address).content.decode()
        seen += re.findall(r"auditentry/(\d+)/change/", page)
        links = re.findall(r'href="([^"]*)" rel="next"', page)
        address = "/admin/workflows/auditentry/" + html.unescape(links[0]) if links else ""
    assert list(dict.fromkeys(seen)) == [str(entry.pk) for entry in reversed(made)]


def test_what_can_be_in_the_audit_log_is_known_without_reading_it(root):
    AuditEntry.objects.all().delete()
    with CaptureQueriesContext(connection) as asked:
        page = root.get("/admin/workflows/auditentry/").content.decode()
    assert "membership.changed" in page
    assert not [query for query in asked if "DISTINCT" in query["sql"]]
    assert not [query for query in asked if "COUNT(" in query["sql"]]


def test_more_rows_cost_no_more_queries(root):
    queries = []
    for _ in range(2):
        WorkflowFactory.create_batch(5, team=TeamFactory())
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert root.get(WORKFLOWS).status_code == 200
        queries.append(len(asked))
    assert queries[0] == queries[1] <= 12


def test_a_search_finds_part_of_a_name_in_any_case(root, team):
    WorkflowFactory(team=team, name="Nightly Orders")
    page = root.get(WORKFLOWS, {"q": "orders"}).content.decode()
    assert "Nightly Orders" in page
    assert "Nothing matches" in root.get(WORKFLOWS, {"q": "invoices"}).content.decode()


def test_a_row_says_whose_actions_its_menu_has(root, team):
    workflow = WorkflowFactory(team=team, name="Orders")
    page = root.get(WORKFLOWS).content.decode()
    assert f'data-row="{workflow.pk}"' in page
    assert 'aria-label="Actions of Orders"' in page
    assert "/admin/workflows/workflow/--pk--/run_now/" in page


@pytest.mark.parametrize("few", [0, 500])
def test_runs_are_found_by_the_name_of_their_workflow(root, monkeypatch, few):
    monkeypatch.setattr("workflows.admin.run._FEW", few)
    for name in ("Orders of May", "Orders of June", "Payments of May"):
        RunFactory(workflow=WorkflowFactory(name=name))
    page = root.get("/admin/workflows/run/", {"q": "may orders"}).content.decode()
    assert "Orders of May" in page
    assert "Orders of June" not in page
    assert "Payments of May" not in page
