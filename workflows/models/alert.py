"""Alerts: which happenings are told, to whom, and what was told."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models

from workers.models import Pool
from workflows.fields import EncryptedJSONField
from workflows.models.team import Team
from workflows.models.workflow import Workflow


class AlertEvent(models.TextChoices):
    FAILURE = "failure", "a run failed"
    RECOVERY = "recovery", "a workflow works again"
    LATE = "late", "a run starts late"
    SLOW = "slow", "a run takes longer than usual"
    POOL_SATURATED = "pool_saturated", "a pool is full for long"
    REGISTRATION_FAILING = "registration_failing", "a workflow cannot be registered"


class AlertChannel(models.Model):
    """A place that messages go to; ``options`` and ``secrets`` make its kind's Config."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="alert_channels")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=40)
    options = models.JSONField(default=dict, blank=True)
    secrets = EncryptedJSONField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


def _check_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(f"unknown time zone '{name}'; name one such as 'Europe/Berlin'")


class AlertRule(models.Model):
    """What is told. Without a workflow it is for every workflow of the team."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="alert_rules")
    name = models.CharField(max_length=120)
    event = models.CharField(max_length=24, choices=AlertEvent)
    workflow = models.ForeignKey(
        Workflow, models.CASCADE, null=True, blank=True, related_name="alert_rules",
        help_text="Empty = every workflow of the team.",
    )  # fmt: skip
    pool = models.ForeignKey(
        Pool, models.CASCADE, null=True, blank=True, related_name="alert_rules",
        help_text="For a pool that is full: which; empty = every pool the team may use.",
    )  # fmt: skip
    minutes = models.PositiveIntegerField(
        default=10,
        validators=[MinValueValidator(1)],
        help_text="How late a run is, or for how long a pool is full, before it is told.",
    )
    times_median = models.FloatField(
        default=3,
        validators=[MinValueValidator(1)],
        help_text="A run is slow when it takes this many times the median of the last good runs.",
    )
    channels = models.ManyToManyField(AlertChannel, related_name="rules")
    group_minutes = models.PositiveIntegerField(
        default=60, help_text="The same cause is told once in this many minutes, with a count."
    )
    quiet_from = models.TimeField(
        null=True, blank=True, help_text="From here to the end nothing is sent."
    )
    quiet_until = models.TimeField(
        null=True, blank=True, help_text="What was held is sent in one message then."
    )
    timezone = models.CharField(max_length=60, default="UTC", validators=[_check_zone])
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValidationError("quiet hours need a beginning and an end")

    def quiet_ends_at(self, now: datetime) -> datetime | None:
        """The end of the quiet hours that ``now`` is in; None outside them."""
        if self.quiet_from is None or self.quiet_until is None:
            return None
        local = now.astimezone(ZoneInfo(self.timezone))
        if not _is_between(local.time(), self.quiet_from, self.quiet_until):
            return None
        end = local.replace(
            hour=self.quiet_until.hour, minute=self.quiet_until.minute, second=0, microsecond=0
        )
        return end if end > local else end + timedelta(days=1)


def _is_between(moment: time, start: time, end: time) -> bool:
    """Whether ``moment`` lies in hours that may go over midnight."""
    if start <= end:
        return start <= moment < end
    return moment >= start or moment < end


class AlertCase(models.Model):
    """One cause under one rule, while it goes on: told at once, then counted.

    ``told`` of the ``count`` happenings are in messages so far.
    """

    rule = models.ForeignKey(AlertRule, models.CASCADE, related_name="cases")
    cause = models.CharField(max_length=200)
    subject = models.CharField(max_length=200)
    text = models.TextField(blank=True)
    link = models.CharField(max_length=200, blank=True)
    opened_at = models.DateTimeField()
    closes_at = models.DateTimeField(null=True, help_text="None = it is closed.")
    count = models.PositiveIntegerField(default=1)
    told = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "cause"],
                condition=models.Q(closes_at__isnull=False),
                name="alert_case_open_once",
            )
        ]

    def __str__(self) -> str:
        return self.subject


class AlertHappening(models.Model):
    """What a rule has seen already, by a key of the event; it is never counted twice."""

    rule = models.ForeignKey(AlertRule, models.CASCADE, related_name="+")
    key = models.CharField(max_length=120)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rule", "key"], name="alert_happening_once")]

    def __str__(self) -> str:
        return self.key


class AlertDeliveries(models.QuerySet["AlertDelivery"]):
    def with_digest(self) -> AlertDeliveries:
        """``digest`` = id of the first of those that go out as one, or went; None by itself.

        Claimed together is what is due together, and what was sent together has one moment.
        """
        of_channel = AlertDelivery.objects.filter(
            is_held=True, channel=models.OuterRef("channel"), state=models.OuterRef("state")
        )
        together = of_channel.filter(
            models.Q(sent_at=models.OuterRef("sent_at"))
            | models.Q(sent_at=None, due_at=models.OuterRef("due_at"))
        )
        first = models.Subquery(together.order_by("pk").values("pk")[:1])
        return self.annotate(digest=models.Case(models.When(is_held=True, then=first)))


class AlertDelivery(models.Model):
    """One message to one channel: an outbox. ``held`` messages of a channel go out as one."""

    class State(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        FAILED = "failed"

    channel = models.ForeignKey(AlertChannel, models.CASCADE, related_name="deliveries")
    rule = models.ForeignKey(
        AlertRule, models.SET_NULL, null=True, blank=True, related_name="deliveries"
    )
    subject = models.CharField(max_length=250)
    message = models.JSONField()
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    is_held = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField()
    locked_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    objects = AlertDeliveries.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(state="waiting"),
                name="alert_delivery_due",
            )
        ]
        verbose_name_plural = "alert deliveries"

    def __str__(self) -> str:
        return self.subject
