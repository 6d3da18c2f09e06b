"""``run:<id>``: state, error, reason of waiting, nodes, and what changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from typing import Any

from django.db.models import (
    Case,
    Count,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.template.loader import render_to_string

from workflows.models import OPEN_STATES, NodeRun, Run
from workflows.pages.live.keys import seen_by, uuids
from workflows.pages.runs import run_context, with_page
from workflows.streams.topic import beat, mark_of_each, marked

#: Why a run waits is not written in its row, and bars grow: an open run is drawn anew so often.
_REDRAWN_EVERY_SECONDS = 3


class RunTopic:
    family = "run"

    def visible(self, principal: Any, keys: Set[str]) -> Set[str]:
        return seen_by(principal, Run, keys)

    def marks(self, keys: Collection[str]) -> QuerySet[Any, Any]:
        is_open = When(state__in=OPEN_STATES, then=beat(_REDRAWN_EVERY_SECONDS))
        return marked(
            Run.objects.filter(pk__in=uuids(keys)),
            self.family,
            F("pk"),
            F("state_name"),
            F("state_at"),
            _node_marks(),
            Case(is_open, default=Value("")),
        )

    def parts(self, key: str, principal: Any) -> Mapping[str, str]:
        run = with_page(Run.objects.all()).get(pk=key)
        context = run_context(run, principal)
        names = ("run-summary", "run-nodes", "run-changes")
        drawn = {name: render_to_string(f"live/{name}.html", context) for name in names}
        return {**drawn, "run-state": run.state}


def _node_marks() -> Subquery:
    ended = Count("pk", filter=~Q(state__in=OPEN_STATES))
    marks = (ended, Max("state_at"), Sum("rows_out"))
    return mark_of_each(NodeRun.objects.filter(run=OuterRef("pk")), "run", *marks)


TOPIC = RunTopic()
