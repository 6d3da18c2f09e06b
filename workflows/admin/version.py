"""Versions: immutable, to be read, compared and restored."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display

from workers.pages.admin import ReadOnly, confirmed, go_back, go_to
from workers.pages.formats import moment
from workflows.admin.base import TeamScopedAdmin, signed_in
from workflows.models import WorkflowVersion
from workflows.pages.versions import text_diff, version_changes
from workflows.services.editing import DefinitionRejected
from workflows.services.restoring import restore


@admin.register(WorkflowVersion)
class WorkflowVersionAdmin(ReadOnly, TeamScopedAdmin):
    empty_hint = (
        "No version yet. Each save that changes a workflow keeps one, to compare with and restore."
    )
    list_display = ["workflow", "number", "author", "message", "saved"]
    list_select_related = ["workflow", "author"]
    search_fields = ["workflow__name"]
    ordering = ["-created_at"]
    fields = [
        "workflow",
        "number",
        "author",
        "message",
        "created_at",
        "fingerprint",
        "what_changed",
        "as_json",
    ]
    actions_row = ["restore"]
    actions_detail = ["restore"]

    @display(description="Saved", ordering="created_at")
    def saved(self, version: WorkflowVersion) -> str:
        return moment(version.created_at)

    @display(description="Changed since the version before")
    def what_changed(self, version: WorkflowVersion) -> str:
        earlier = version.workflow.versions.filter(number__lt=version.number)
        before = earlier.order_by("-number").first()
        if before is None:
            return "nothing: it is the first"
        context = {
            "before": before,
            "version": version,
            "changes": version_changes(before.definition, version.definition),
            "lines": text_diff(before.definition, version.definition),
        }
        return render_to_string("panels/version_changes.html", context)

    @display(description="Definition")
    def as_json(self, version: WorkflowVersion) -> str:
        text = json.dumps(version.definition, indent=2, ensure_ascii=False)
        return format_html('<pre class="code" tabindex="0">{}</pre>', text)

    def has_restore_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Restoring changes the workflow."""
        workflow = self.find(request, object_id).workflow if object_id else None
        return request.user.has_perm("workflows.change_workflow", workflow)

    @confirmed(
        "Restore",
        "The workflow becomes what this version says, as a new version, and is registered.",
        icon="restore",
        needs="restore",
    )
    def restore(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        version = self.find(request, object_id)
        try:
            workflow = restore(version, signed_in(request))
        except DefinitionRejected as error:
            return go_back(request, version, f"Not restored: {error}", messages.ERROR)
        messages.success(request, f"Version {version.number} is restored. Registering…")
        return go_to(request, reverse("admin:workflows_workflow_change", args=[workflow.pk]))
