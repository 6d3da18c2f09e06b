"""Workflows: the list, the form with nodes, dependencies and schedules, the actions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextInputWidget

from workers.pages.admin import confirmed, go_back, go_to
from workers.pages.formats import NOTHING, moment
from workflows import registration
from workflows.admin.base import PartForm, TeamFilter, TeamScopedAdmin, signed_in
from workflows.admin.dependency import DependencyInline
from workflows.admin.importing import import_page
from workflows.admin.json_field import JSONObjectField
from workflows.admin.node import NodeInline
from workflows.admin.run_form import RunForm
from workflows.admin.schedule import ScheduleInline
from workflows.models import Run, Workflow
from workflows.pages.badges import registration_badge, run_badge
from workflows.pages.logs import workflow_logs
from workflows.pages.upcoming import next_words
from workflows.pages.workflows import registration_context
from workflows.services import editing, running


class TagsField(forms.CharField):
    """A list of words, separated by commas."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [word.strip() for word in (value or "").split(",") if word.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return (initial or []) != self.to_python(data)


class WorkflowForm(PartForm):
    parameters = JSONObjectField(help_text="Values usable as $name in expressions, as JSON.")
    tags = TagsField(
        required=False, help_text="Separated by commas.", widget=UnfoldAdminTextInputWidget
    )

    class Meta:
        model = Workflow
        fields = "__all__"  # the admin's fieldsets choose


LAST_RUN = (
    Run.objects.filter(workflow=OuterRef("pk"))
    .order_by("-created_at")
    .values(last=JSONObject(id="id", state="state", at="created_at"))[:1]
)


@admin.register(Workflow)
class WorkflowAdmin(TeamScopedAdmin):
    form = WorkflowForm
    inlines = [NodeInline, DependencyInline, ScheduleInline]
    change_form_template = "admin/workflows/workflow/change_form.html"
    list_display = [
        "name",
        "team",
        "registered",
        "pool",
        "last_run",
        "next_run",
    ]
    list_filter = [
        ("team", TeamFilter),
        ("registration__state", ChoicesDropdownFilter),
        "is_paused",
        "is_enabled",
    ]
    search_fields = ["name"]
    empty_hint = "No workflow yet. Add one here, by API, or import what you have with Import above."
    search_help_text = "Name"
    prepopulated_fields = {"slug": ["name"]}
    fieldsets = [
        (None, {"fields": [("name", "slug"), ("team", "tags"), "description"]}),
        ("State", {"fields": [("is_enabled", "is_paused")]}),
        (
            "Where it runs",
            {
                "fields": [
                    ("preferred_pool", "needs_high_memory"),
                    ("estimated_rows", "timeout_seconds"),
                    ("concurrency_limit", "overlap"),
                ]
            },
        ),
        ("Parameters", {"fields": ["parameters"]}),
    ]
    actions = ["run_selected", "pause_selected", "resume_selected", "register_selected"]
    actions_list = ["import_payload"]
    actions_row = ["run_now", "pause", "resume", "register_again"]
    actions_detail = [
        "run_now",
        {
            "title": "More",
            "items": ["pause", "resume", "register_again"],
        },
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workflow]:
        rows = super().get_queryset(request).select_related("team", "registration__version")
        return rows.annotate(last=Subquery(LAST_RUN)).prefetch_related("schedules")

    @display(description="Registration", ordering="registration__state")
    def registered(self, workflow: Workflow) -> str:
        return str(registration_badge(workflow))

    @display(description="Pool", ordering="registration__pool")
    def pool(self, workflow: Workflow) -> str:
        current = getattr(workflow, "registration", None)
        return (current.pool if current else "") or NOTHING

    @display(description="Last run")
    def last_run(self, workflow: Workflow) -> str:
        last: dict[str, Any] | None = workflow.last  # type: ignore[attr-defined]
        if not last:
            return "never"
        return format_html(
            '<a class="state-link" href="{}">{} {}</a>',
            reverse("admin:workflows_run_change", args=[last["id"]]),
            run_badge(last["state"]),
            moment(parse_datetime(last["at"])),
        )

    @display(description="Next run")
    def next_run(self, workflow: Workflow) -> str:
        return next_words(workflow)

    def get_urls(self) -> list[Any]:
        logs = self.admin_site.admin_view(self.logs)
        address = path("<uuid:object_id>/logs/", logs, name="workflows_workflow_logs")
        return [address, *super().get_urls()]

    def logs(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Lines of all runs of the workflow."""
        workflow = self.find(request, str(object_id))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Logs of {workflow}",
            "workflow": workflow,
            **workflow_logs(workflow),
        }
        return render(request, "admin/workflows/workflow/logs.html", context)

    @action(description="Import", icon="upload", permissions=["add"], url_path="import")
    def import_payload(self, request: HttpRequest) -> HttpResponse:
        """A payload of the existing system."""
        return import_page(self, request)

    def has_run_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "run", obj)

    def has_pause_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "pause", obj)

    def has_register_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "register", obj)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """Of pause and resume, the one that changes something."""
        useless = "pause" if self.find(request, object_id).is_paused else "resume"
        actions = super().get_actions_detail(request, object_id)
        return [action for action in actions if action.path != useless]

    @confirmed(
        "Run now",
        "Starts one run of the registered version, on its pool.",
        icon="play_arrow",
        needs="run",
        variant=ActionVariant.PRIMARY,
        form_class=RunForm,
    )
    def run_now(self, request: HttpRequest, form: RunForm, object_id: str) -> HttpResponse:
        workflow = self.find(request, object_id)
        try:
            run = running.run_now(
                workflow=workflow, user=signed_in(request), parameters=form.changed()
            )
        except running.NotRunnable as error:
            return go_back(request, workflow, f"Not started: {error.reason}", messages.ERROR)
        return go_to(request, reverse("admin:workflows_run_change", args=[run.pk]))

    @confirmed(
        "Pause",
        "Its schedules stop firing until it is resumed. It can still be run by hand.",
        icon="pause",
        needs="pause",
    )
    def pause(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        workflow = self.find(request, object_id)
        running.pause(workflow)
        return go_back(request, workflow, f"{workflow} is paused: its schedules do not fire")

    @confirmed(
        "Resume",
        "Its schedules fire again, from the next time on.",
        icon="resume",
        needs="pause",
    )
    def resume(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        workflow = self.find(request, object_id)
        running.resume(workflow)
        return go_back(request, workflow, f"{workflow} is resumed: its schedules fire again")

    @confirmed(
        "Register again",
        "Compiles it, chooses its pool and sends the deployment to Prefect once more.",
        icon="sync",
        needs="register",
    )
    def register_again(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        workflow = self.find(request, object_id)
        running.register_again(workflow)
        return go_back(request, workflow, f"{workflow} is being registered again")

    @admin.action(description="Run now", permissions=["run"])
    def run_selected(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        self._each(request, queryset, "run", running.run_now, "started")

    @admin.action(description="Pause", permissions=["pause"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        self._each(request, queryset, "pause", running.pause, "paused")

    @admin.action(description="Resume", permissions=["pause"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        self._each(request, queryset, "pause", running.resume, "resumed")

    @admin.action(description="Register again", permissions=["register"])
    def register_selected(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        self._each(request, queryset, "register", running.register_again, "being registered")

    def _each(
        self,
        request: HttpRequest,
        workflows: QuerySet[Workflow],
        verb: str,
        act: Callable[..., Any],
        done: str,
    ) -> None:
        """One service call per workflow that the user's role allows; the others are named."""
        names: list[str] = []
        for workflow in workflows:
            if not self.may(request, verb, workflow):
                messages.error(request, f"{workflow}: your role does not allow this")
                continue
            try:
                act(workflow=workflow, **({"user": request.user} if verb == "run" else {}))
            except running.NotRunnable as error:
                messages.error(request, f"{workflow}: {error.reason}")
            else:
                names.append(str(workflow))
        if names:
            messages.success(request, f"{len(names)} {done}: {', '.join(names[:5])}")

    def _changeform_view(self, request: HttpRequest, *args: Any) -> HttpResponse:
        # Already inside changeform_view's transaction: all rows of a form are one mark.
        with registration.one_mark():
            return super()._changeform_view(request, *args)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        panels: dict[str, Any] = {}
        if object_id:
            workflow = self.find(request, object_id)
            keys = workflow.nodes.values_list("key", flat=True)
            panels = {
                **registration_context(workflow),
                "node_keys": list(keys),
                "workflow_topic": f"workflow:{workflow.pk}",
            }
        return super().changeform_view(
            request, object_id, form_url, {**panels, **(extra_context or {})}
        )

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What belongs to a workflow goes with it; its runs are counted, not listed."""
        counts = {"runs": Run.objects.filter(workflow__in=objs).count()}
        return [str(workflow) for workflow in objs], counts, set(), []

    def save_model(self, request: HttpRequest, obj: Workflow, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = signed_in(request)
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        workflow = Workflow.objects.get(pk=form.instance.pk)
        version = editing.record_version(workflow, author=signed_in(request))
        request.flowadmin_saved = (  # type: ignore[attr-defined]
            f"Saved as version {version.number}. Registering…"
            if version
            else "Saved. The definition is unchanged."
        )

    def message_user(self, request: HttpRequest, message: str, *args: Any, **kwargs: Any) -> None:
        """Say what happens next instead of Django's 'was changed successfully'."""
        super().message_user(request, getattr(request, "flowadmin_saved", message), *args, **kwargs)
