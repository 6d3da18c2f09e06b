"""When a workflow runs by itself. Prefect fires it; these rows say when."""

from __future__ import annotations

import zoneinfo
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from workflows.models.workflow import Workflow


def validate_timezone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(
            f"unknown time zone '{name}': expected an IANA name such as 'Europe/Paris' or 'UTC'"
        )


def validate_cron(text: str) -> None:
    """Five fields; the library's message says which one is wrong."""
    from cronsim import CronSim, CronSimError
    from django.utils import timezone

    if len(text.split()) != 5:
        raise ValidationError(
            f"'{text}' is not a cron expression: expected five fields "
            "(minute hour day-of-month month day-of-week)"
        )
    try:
        CronSim(text, timezone.now())
    except CronSimError as error:
        raise ValidationError(
            f"'{text}' is not a cron expression ({str(error).casefold()}): expected minute 0-59, "
            "hour 0-23, day 1-31, month 1-12, weekday 0-7"
        ) from error


class Schedule(models.Model):
    """Exactly one of ``cron``, ``interval`` and ``run_at`` is set."""

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="schedules")
    slug = models.SlugField(max_length=60)
    cron = models.CharField(max_length=100, blank=True, validators=[validate_cron])
    interval = models.DurationField(null=True, blank=True)
    run_at = models.DateTimeField(null=True, blank=True, help_text="Run once, then never again.")
    timezone = models.CharField(max_length=60, default="UTC", validators=[validate_timezone])
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.UniqueConstraint(fields=["workflow", "slug"], name="schedule_slug_in_workflow"),
            models.CheckConstraint(
                name="schedule_is_exactly_one_of_three",
                condition=(
                    (~Q(cron="") & Q(interval=None) & Q(run_at=None))
                    | (Q(cron="") & Q(interval__gt=timedelta(0)) & Q(run_at=None))
                    | (Q(cron="") & Q(interval=None) & Q(run_at__isnull=False))
                ),
                violation_error_message="set exactly one of cron, interval (above zero) and run at",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.slug}: {self.rule} ({self.timezone})"

    @property
    def rule(self) -> str:
        if self.cron:
            return f"cron {self.cron}"
        return (
            f"every {self.interval}" if self.interval else f"once at {self.run_at:%Y-%m-%d %H:%M}"
        )

    def clean(self) -> None:
        errors: dict[str, Any] = {}
        given = [bool(self.cron), self.interval is not None, self.run_at is not None]
        if sum(given) != 1:
            errors["cron"] = "set exactly one of cron, interval and run at"
        if self.interval is not None and self.interval <= timedelta(0):
            errors["interval"] = "the interval must be longer than zero"
        if errors:
            raise ValidationError(errors)
