"""The audit log: to be read, by superusers whole and by admins for their teams."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from unfold.contrib.filters.admin import FieldTextFilter, RangeDateTimeFilter
from unfold.decorators import display

from workers.pages.admin import ReadOnly
from workers.pages.formats import NOTHING, moment
from workflows.admin.base import TeamFilter
from workflows.admin.endless import EndlessList
from workflows.models import AuditEntry
from workflows.services.auditing import events

# ``django-auditlog`` registers a page of its own for whatever model its findings go to.
admin.site.unregister(AuditEntry)


class EventFilter(admin.SimpleListFilter):
    """All events that there are: looking for those in the log would read all of it."""

    title = parameter_name = "event"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(event, event) for event in events()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(event=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly, EndlessList):
    moment = "at"
    empty_hint = (
        "Nothing was done yet. Changes, runs, logins and exports stand here with who did them."
    )
    list_display = ["when", "event", "actor", "object_name", "team", "address", "summary"]
    list_filter = [
        ("team", TeamFilter),
        EventFilter,
        ("actor", FieldTextFilter),
        ("at", RangeDateTimeFilter),
    ]
    list_select_related = ["team"]
    search_fields = ["object_name", "object_id"]
    search_help_text = "Name or id of what it is about"
    fields = ["at", "event", "actor", "address", "object_name", "object_id", "diff", "more"]

    @display(description="When")
    def when(self, entry: AuditEntry) -> str:
        return moment(entry.at)

    @display(description="What changed")
    def summary(self, entry: AuditEntry) -> str:
        return ", ".join(entry.changes or entry.details) or NOTHING

    @display(description="Changes")
    def diff(self, entry: AuditEntry) -> str:
        rows = ((name, *values) for name, values in sorted(entry.changes.items()))
        lines = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td></tr>", rows)
        head = "<tr><th>Field</th><th>Before</th><th>After</th></tr>"
        if not lines:
            return NOTHING
        return format_html(
            '<table class="rows"><thead>' + head + "</thead><tbody>{}</tbody></table>", lines
        )

    @display(description="Details")
    def more(self, entry: AuditEntry) -> str:
        return "; ".join(f"{name}: {value}" for name, value in entry.details.items()) or NOTHING
