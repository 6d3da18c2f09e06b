"""Registrations and the outbox, for whoever looks after the system."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from workers.pages.admin import ReadOnly
from workers.pages.badges import Badge
from workers.pages.formats import moment
from workflows.models import Registration, RegistrationOutbox
from workflows.pages.badges import REGISTRATION_BADGES

_DONE = Badge("good", "check_circle", "Done")
_WAITS = Badge("wait", "schedule", "Waits")


class SystemAdmin(ReadOnly, ModelAdmin):
    """Read-only, and for superusers only."""

    show_full_result_count = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)


@admin.register(Registration)
class RegistrationAdmin(SystemAdmin):
    empty_hint = (
        "No workflow yet. Once one is saved, this says how its deployment in Prefect stands."
    )
    list_display = ["workflow", "status", "pool", "attempts", "registered"]
    list_filter = [("state", ChoicesDropdownFilter)]
    list_filter_submit = True
    list_select_related = ["workflow"]
    search_fields = ["workflow__name", "deployment_name"]

    @display(description="State", ordering="state")
    def status(self, registration: Registration) -> str:
        return str(REGISTRATION_BADGES[registration.state])

    @display(description="Registered", ordering="registered_at")
    def registered(self, registration: Registration) -> str:
        return moment(registration.registered_at)


@admin.register(RegistrationOutbox)
class RegistrationOutboxAdmin(SystemAdmin):
    empty_hint = "Nothing waits. Saved workflows stand here until they are registered."
    list_display = ["workflow_id", "status", "generation", "done_generation", "attempts", "due"]
    search_fields = ["workflow_id"]
    ordering = ["next_try_at"]

    @display(description="State")
    def status(self, entry: RegistrationOutbox) -> str:
        return str(_DONE if entry.done_generation >= entry.generation else _WAITS)

    @display(description="Next try", ordering="next_try_at")
    def due(self, entry: RegistrationOutbox) -> str:
        return moment(entry.next_try_at)
