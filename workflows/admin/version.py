"""Versions: immutable, to be read."""

from __future__ import annotations

import json

from django.contrib import admin
from django.utils.html import format_html
from unfold.decorators import display

from workers.pages.admin import ReadOnly
from workers.pages.formats import moment
from workflows.admin.base import TeamScopedAdmin
from workflows.models import WorkflowVersion


@admin.register(WorkflowVersion)
class WorkflowVersionAdmin(ReadOnly, TeamScopedAdmin):
    list_display = ["workflow", "number", "author", "message", "saved"]
    list_select_related = ["workflow", "author"]
    search_fields = ["workflow__name", "message"]
    ordering = ["-created_at"]
    fields = ["workflow", "number", "author", "message", "created_at", "fingerprint", "as_json"]

    @display(description="Saved", ordering="created_at")
    def saved(self, version: WorkflowVersion) -> str:
        return moment(version.created_at)

    @display(description="Definition")
    def as_json(self, version: WorkflowVersion) -> str:
        text = json.dumps(version.definition, indent=2, ensure_ascii=False)
        return format_html('<pre class="code">{}</pre>', text)
