from __future__ import annotations

import pytest
from django.core.paginator import EmptyPage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from factories import RunFactory, TeamFactory, WorkflowFactory

from workflows.admin import paginator
from workflows.admin.paginator import CappedPaginator, EndlessPaginator
from workflows.models import Run, Workflow

pytestmark = pytest.mark.django_db
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


def test_runs_are_not_listed_to_any_depth():
    RunFactory()
    pages = EndlessPaginator(Run.objects.all(), 50)
    with pytest.raises(EmptyPage):
        pages.page(51)


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
