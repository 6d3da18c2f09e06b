"""The command palette: pages, workflows, connections and pools by part of their name.

In place of unfold's search, which looks through models without a limit and remembers what it
found for minutes, so that it would show names to somebody who has just left a team.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET
from unfold.dataclasses import SearchResult

from workers.models import Pool
from workflows import access
from workflows.models import Connection, Workflow
from workflows.pages.navigation import sidebar

_SHOWN = 8


@require_GET
def palette(request: HttpRequest) -> HttpResponse:
    """What matches ``s``; the names are asked for anew each time."""
    term = request.GET.get("s", "").strip()
    if not term:
        return HttpResponse()
    begun = perf_counter()
    found = [*_pages(request, term), *_named(request.user, term)]
    context = {
        "results": Paginator(found, max(1, len(found))).page(1),
        "page_obj": {"count": len(found)},
        "page_counter": 0,
        "execution_time": perf_counter() - begun,
    }
    return render(request, "unfold/helpers/command_results.html", context)


def _pages(request: HttpRequest, term: str) -> Iterator[SearchResult]:
    for section in sidebar(request):
        for item in section["items"]:
            if term.lower() in item["title"].lower():
                yield SearchResult(item["title"], "page", item["link"], item["icon"])


def _named(viewer: Any, term: str) -> Iterator[SearchResult]:
    workflows = Workflow.objects.select_related("team")
    yield from _rows(viewer, workflows, term, "account_tree", "team__name")
    yield from _rows(viewer, Connection.objects.all(), term, "cable", "connector")
    yield from _rows(viewer, Pool.objects.all(), term, "dns", "description")


def _rows(
    viewer: Any, rows: QuerySet[Any], term: str, icon: str, detail: str
) -> Iterator[SearchResult]:
    for row in access.scope(viewer, rows.filter(name__icontains=term))[:_SHOWN]:
        what = f"{row._meta.verbose_name} {_detail(row, detail)}"
        yield SearchResult(row.name, what, _address(row), icon)


def _detail(row: Model, path: str) -> str:
    value: Any = row
    for name in path.split("__"):
        value = getattr(value, name)
    return str(value)


def _address(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
