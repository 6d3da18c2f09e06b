"""A mark that changes when a run of anybody begins, moves on or ends."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Max, QuerySet, Subquery

from workflows.models import OPEN_STATES, Run
from workflows.streams.topic import beat, marked_whole


def marked_by_any_run(family: str, seconds: float) -> QuerySet[Any, Any]:
    """Also every so many ``seconds``.

    Reads the open runs, which one that ends leaves, and the newest, which may have begun and
    ended since the last look.
    """
    open_runs = Run.objects.filter(state__in=OPEN_STATES)
    newest = Subquery(Run.objects.order_by("-created_at").values("created_at")[:1])
    marks = (Count("pk"), Max("state_at"), _once(newest), _once(beat(seconds)))
    return marked_whole(open_runs, family, *marks)


def _once(value: Any) -> Max:
    """Of all rows together, also when there are none."""
    return Max(value, default=value)
