"""A mark that changes when a run of anybody begins, moves on or ends."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Max, QuerySet

from workflows.models import OPEN_STATES, Run
from workflows.streams.topic import beat, marked_whole


def marked_by_any_run(family: str, seconds: float) -> QuerySet[Any, Any]:
    """Also every so many ``seconds``. Reads the open runs only: one that ends leaves them."""
    open_runs = Run.objects.filter(state__in=OPEN_STATES)
    marks = (Count("pk"), Max("state_at"), Max("created_at"), Max(beat(seconds)))
    return marked_whole(open_runs, family, *marks)
