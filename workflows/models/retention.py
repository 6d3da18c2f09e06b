"""How long what happened is kept."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from workflows.models.team import Team


class RetentionPolicy(models.Model):
    """The policy of a team; the one without a team is for the teams that have none of their own."""

    team = models.OneToOneField(
        Team, models.CASCADE, null=True, blank=True, related_name="retention",
        help_text="Empty = for every team without a policy of its own.",
    )  # fmt: skip
    run_days = models.PositiveIntegerField(
        "runs, days",
        default=90,
        validators=[MinValueValidator(1)],
        help_text="Runs that ended earlier go, with their nodes, logs and Prefect's own rows.",
    )
    runs_kept = models.PositiveIntegerField(
        "runs kept",
        default=20,
        validators=[MinValueValidator(1)],
        help_text="The newest so many runs of each workflow stay whatever their age, and so "
        "does its last good one.",
    )
    log_days = models.PositiveIntegerField(
        "logs, days",
        default=60,
        validators=[MinValueValidator(1)],
        help_text="Lines older than this go before their run does; Prefect has them until then.",
    )
    message_days = models.PositiveIntegerField(
        "alerts, days", default=30, validators=[MinValueValidator(2)], help_text="What was sent."
    )
    audit_days = models.PositiveIntegerField(
        "audit log, days", default=365, validators=[MinValueValidator(1)]
    )

    class Meta:
        verbose_name_plural = "retention policies"
        constraints = [
            models.UniqueConstraint(
                models.Value(1), condition=Q(team=None), name="retention_default_once"
            )
        ]

    def __str__(self) -> str:
        return f"retention of {self.team}" if self.team_id else "retention by default"
