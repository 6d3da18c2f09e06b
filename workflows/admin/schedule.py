"""The schedules of a workflow, as part of its form."""

from __future__ import annotations

from datetime import timedelta

from django.core.exceptions import ValidationError
from unfold.admin import TabularInline

from workflows.admin.base import PartForm, PartOfParent
from workflows.models import Schedule


class ScheduleForm(PartForm):
    class Meta:
        model = Schedule
        fields = ["slug", "cron", "interval", "run_at", "timezone", "is_active"]

    def clean_interval(self) -> timedelta | None:
        interval: timedelta | None = self.cleaned_data["interval"]
        if interval is not None and interval < timedelta(seconds=1):
            raise ValidationError(f"'{interval}' is too short: expected at least 00:00:01")
        return interval


class ScheduleInline(PartOfParent, TabularInline):
    model = Schedule
    form = ScheduleForm
    extra = 0
    tab = True
    hide_title = True
    show_count = True
