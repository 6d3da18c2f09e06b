"""How a user wants the pages to be."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models

from workflows.models.schedule import validate_timezone


class Preferences(models.Model):
    """Users without a row have chosen nothing."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="preferences"
    )
    zone = models.CharField(
        "time zone", max_length=60, blank=True, validators=[validate_timezone]
    )  # fmt: skip

    class Meta:
        verbose_name_plural = "preferences"

    def __str__(self) -> str:
        return f"preferences of {self.user}"


def chosen_zone(user: Any) -> ZoneInfo | None:
    """None for who chose none; asks nothing where the user came with the preferences."""
    preferences: Preferences | None = getattr(user, "preferences", None)
    return ZoneInfo(preferences.zone) if preferences and preferences.zone else None
