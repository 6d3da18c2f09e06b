"""Runs: the mirror of what Prefect says, and Cancel."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    RangeDateTimeFilter,
)
from unfold.dataclasses import UnfoldAction
from unfold.decorators import display
from unfold.enums import ActionVariant

from workers.pages.admin import ReadOnly, confirmed, go_back, go_to
from workers.prefect.gateway import GatewayError
from workflows import access
from workflows.admin.base import TeamFilter, signed_in
from workflows.admin.endless import EndlessList
from workflows.models import Run, RunState, Workflow
from workflows.pages.run_rows import ListedRun, cells, live_cell
from workflows.pages.runs import run_context, with_page
from workflows.pages.waiting import waiting_of
from workflows.services import running

#: Workflows whose runs are looked for one by one.
_FEW = 500


@admin.register(Run)
class RunAdmin(ReadOnly, EndlessList):
    change_form_template = "admin/workflows/run/change_form.html"
    list_before_template = "admin/workflows/run/live.html"
    list_display = ["status", "workflow", "team", "pool", "how", "started", "took"]
    list_display_links = ["status", "workflow"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("workflow__team", TeamFilter),
        ("trigger", ChoicesDropdownFilter),
        ("created_at", RangeDateTimeFilter),
    ]
    list_select_related = ["workflow__team"]
    search_fields = ["workflow__name"]
    empty_hint = "No run yet. Open a workflow and press Run now, or give it a schedule."
    search_help_text = "Name of the workflow"
    actions_row = ["cancel"]
    actions_detail = ["retry_failed", "retry", "cancel"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By the workflows of that name, found first: the planner cannot know that they are few.

        Where they are many, runs of them are met soon enough on the way through all runs.
        """
        words = [Q(name__icontains=word) for word in search_term.split()]
        named = access.scope(request.user, Workflow.objects.filter(*words)).order_by()
        few = list(named.values_list("pk", flat=True)[: _FEW + 1]) if words else []
        if not words or len(few) > _FEW:
            return super().get_search_results(request, queryset, search_term)
        return queryset.filter(workflow__in=few), False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        """A run that is looked at comes with all that its page shows."""
        rows = super().get_queryset(request)
        match = request.resolver_match
        return with_page(rows) if match and "object_id" in match.kwargs else rows

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """With each row the cells that change."""
        changelist = super().get_changelist_instance(request)
        reasons = waiting_of(changelist.result_list)
        for run in changelist.result_list:
            run.cells = cells(run, reasons.get(run.pk))
        return changelist

    @display(description="State")
    def status(self, run: ListedRun) -> str:
        return live_cell(run, "status")

    @display(description="Team")
    def team(self, run: Run) -> str:
        return str(run.workflow.team)

    @display(description="Trigger")
    def how(self, run: Run) -> str:
        return run.get_trigger_display()

    @display(description="Started")
    def started(self, run: ListedRun) -> str:
        return live_cell(run, "started")

    @display(description="Duration")
    def took(self, run: ListedRun) -> str:
        return live_cell(run, "took")

    def has_cancel_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "cancel", obj)

    def has_retry_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A retry is a new run of the workflow."""
        workflow = self.find(request, obj).workflow if obj else None
        return request.user.has_perm("workflows.run_workflow", workflow)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """Those that make sense in the state the run is in."""
        run = self.find(request, object_id)
        useful = {"cancel"}
        if run.is_terminal:
            useful = {"retry"} if run.state == RunState.COMPLETED else {"retry", "retry_failed"}
        actions = super().get_actions_detail(request, object_id)
        return [action for action in actions if action.path in useful]

    @confirmed(
        "Retry from failed node",
        "Starts a new run of the registered version. Nodes that ended well are not run again, "
        "and what they loaded is not loaded again.",
        icon="redo",
        needs="retry",
        variant=ActionVariant.PRIMARY,
    )
    def retry_failed(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._retry(request, object_id, from_failed=True)

    @confirmed(
        "Retry",
        "Starts a new run of the registered version with the same parameters, from the start.",
        icon="replay",
        needs="retry",
    )
    def retry(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._retry(request, object_id, from_failed=False)

    def _retry(self, request: HttpRequest, object_id: str, *, from_failed: bool) -> HttpResponse:
        run = self.find(request, object_id)
        try:
            started = running.retry(run, from_failed=from_failed, user=signed_in(request))
        except running.NotRunnable as error:
            return go_back(request, run, f"Not started: {error.reason}", messages.ERROR)
        return go_to(request, reverse("admin:workflows_run_change", args=[started.pk]))

    @confirmed(
        "Cancel run",
        "Stops the run. What it loads is kept only if the load has already been committed.",
        icon="cancel",
        needs="cancel",
        variant=ActionVariant.DANGER,
    )
    def cancel(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        run = self.find(request, object_id)
        if run.is_terminal:
            return go_back(request, run, f"{run} has already ended", messages.INFO)
        try:
            running.cancel(run)
        except GatewayError as error:
            return go_back(request, run, f"Not cancelled: {error}", messages.ERROR)
        return go_back(request, run, f"{run} is being cancelled")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        run = self.find(request, object_id)
        context = {
            "title": f"Run of {run.workflow}",
            **run_context(run, request.user),
            "run_topic": f"run:{run.pk}",
            "log_topic": f"run-log:{run.pk}",
            "log_node": request.GET.get("node", ""),
        }
        return super().change_view(
            request, object_id, form_url, {**context, **(extra_context or {})}
        )
