"""``workflow:<id>``: its registration and issues, picture, runs, schedules, pool and versions."""

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
    When,
)
from django.db.models.functions import Now
from django.template.loader import render_to_string

from workflows.models import OPEN_STATES, Run, RunState, Workflow
from workflows.pages.live.keys import seen_by, uuids
from workflows.pages.overview import OVERVIEW_ROWS, overview
from workflows.pages.workflows import registration_context
from workflows.streams.topic import beat, joined, mark_of_each, marked

#: While a run goes on, its nodes are drawn anew so often; else the next starts are.
_SECONDS_RUNNING, _SECONDS_AT_REST = 3, 60


class WorkflowTopic:
    family = "workflow"

    def visible(self, principal: Any, keys: Set[str]) -> Set[str]:
        return seen_by(principal, Workflow, keys)

    def marks(self, keys: Collection[str]) -> QuerySet[Any, Any]:
        rows = Workflow.objects.filter(pk__in=uuids(keys)).annotate(
            open_runs=_open_runs(), latest_run=Subquery(_latest_run())
        )
        under_way = When(open_runs__isnull=False, then=beat(_SECONDS_RUNNING))
        registration = ("state", "attempts", "next_try_at", "updated_at")
        return marked(
            rows,
            self.family,
            F("pk"),
            *(F(name) for name in ("updated_at", "is_paused", "is_enabled")),
            *(F(f"registration__{name}") for name in registration),
            F("open_runs"),
            F("latest_run"),
            Case(under_way, default=beat(_SECONDS_AT_REST)),
        )

    def parts(self, key: str, principal: Any) -> Mapping[str, str]:
        workflow = OVERVIEW_ROWS.get(pk=key)
        status, view = registration_context(workflow), overview(workflow, principal)
        return {
            "registration-status": render_to_string("fragments/registration_status.html", status),
            "workflow-overview": render_to_string("fragments/workflow_overview.html", view),
            "workflow-state": "paused" if workflow.is_paused else "active",
        }


def _runs() -> QuerySet[Run]:
    return Run.objects.filter(workflow=OuterRef("pk"))


def _open_runs() -> Subquery:
    """Those that are under way, or due."""
    later = Q(state=RunState.SCHEDULED, expected_at__gt=Now())
    rows = _runs().filter(state__in=OPEN_STATES).exclude(later)
    return mark_of_each(rows, "workflow", Count("pk"), Max("state_at"))


def _latest_run() -> QuerySet[Any, Any]:
    rows = _runs().order_by("-created_at").annotate(mark=joined("pk", "state"))
    return rows.values("mark")[:1]


TOPIC = WorkflowTopic()
