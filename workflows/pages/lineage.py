"""The panel that follows a column through a workflow and on into others."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from workflows import access
from workflows.models import Workflow
from workflows.services.lineage import Direction, columns_of, follow

_WORDS: dict[Direction, str] = {"feeds_it": "what feeds it", "it_feeds": "what it feeds"}


@require_GET
@login_required
def workflow_lineage(request: HttpRequest, workflow_id: UUID) -> HttpResponse:
    """Choose a node and a column of it; the answer comes along once both are chosen."""
    rows = access.scope(request.user, Workflow.objects.select_related("team"))
    workflow = get_object_or_404(rows, pk=workflow_id)
    return render(request, "panels/lineage.html", _context(workflow, request.GET))


def _context(workflow: Workflow, asked: Any) -> dict[str, Any]:
    nodes = columns_of(workflow)
    node = asked.get("node", "")
    columns = sorted(nodes.get(node, []), key=str.casefold)
    column = asked.get("column", "") if asked.get("column") in columns else ""
    direction: Direction = "it_feeds" if asked.get("direction") == "it_feeds" else "feeds_it"
    return {
        "workflow": workflow,
        "nodes": [key for key in workflow.nodes.values_list("key", flat=True) if key in nodes],
        "node": node,
        "columns": columns,
        "column": column,
        "direction": direction,
        "directions": _WORDS.items(),
        "answer": follow(workflow, node, column, direction) if column else None,
    }
