"""Assignments of workflows to pools, with their receipts."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from workers.models import PoolAssignment
from workers.pages.admin import ReadOnly
from workers.pages.formats import moment
from workflows.admin.base import TeamScopedAdmin
from workflows.pages.receipts import receipt_view


@admin.register(PoolAssignment)
class PoolAssignmentAdmin(ReadOnly, TeamScopedAdmin):
    empty_hint = (
        "No workflow has a pool yet. Save one: it is given a pool, and the receipt here says why."
    )
    list_display = ["workflow", "pool", "reason", "assigned"]
    list_filter = [("pool", RelatedDropdownFilter), ("reason", ChoicesDropdownFilter)]
    list_select_related = ["workflow", "pool"]
    search_fields = ["workflow__name"]
    fields = ["workflow", "pool", "reason", "assigned_at", "why"]

    @display(description="Assigned", ordering="assigned_at")
    def assigned(self, assignment: PoolAssignment) -> str:
        return moment(assignment.assigned_at)

    @display(description="Why this pool")
    def why(self, assignment: PoolAssignment) -> str:
        receipt = receipt_view(assignment.receipt, assignment.pool.name)
        return render_to_string("panels/receipt.html", {"receipt": receipt})

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return self.fields
