"""The first page: what needs attention, then what ran today and what runs next."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from workers.pages.formats import NOTHING, duration, moment
from workflows import access
from workflows.models import Run, Workflow
from workflows.pages.attention import attention
from workflows.pages.badges import run_badge
from workflows.pages.today import today
from workflows.pages.upcoming import next_starts

_SHOWN = 5


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold's dashboard callback."""
    return {**context, "title": "Home", **home_context(request.user)}


def home_context(viewer: Any) -> dict[str, Any]:
    """All that the templates ``live/home-….html`` show."""
    figures = today(viewer)
    runs = access.scope(viewer, Run.objects.select_related("workflow"))
    latest = [(run, run_badge(run.state), moment(run.created_at)) for run in runs[:_SHOWN]]
    return {
        "attention": attention(viewer),
        "today": figures,
        "success": _percent(figures.success_percent),
        "slowest": [(one, duration(one.seconds)) for one in figures.slowest],
        "latest": latest,
        "next": next_starts(viewer, _SHOWN),
        "is_new": not latest and not access.scope(viewer, Workflow.objects.all()).exists(),
    }


def _percent(share: float | None) -> str:
    return NOTHING if share is None else f"{share:.1f} %"
