"""From happenings to messages: a cause is told at once, then counted while it goes on.

1. A happening is noted under its key; one that was noted before is nothing new.
2. The first of a cause opens a case and is told; the next ones raise its count.
3. When the time of the case is over, what was counted is told in one message and the case
   goes on; a case in which nothing more happened is closed.

In quiet hours messages are written down, and held until those hours end.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from workflows.models import AlertCase, AlertDelivery, AlertHappening, AlertRule
from workflows.services.alerting.channel import Message


@dataclass(frozen=True, slots=True)
class Happening:
    """``key`` tells it from every other, ``cause`` from those of other causes.

    ``link`` is a path.
    """

    key: str
    cause: str
    subject: str
    text: str
    link: str


@transaction.atomic
def tell(rule: AlertRule, happening: Happening) -> None:
    """Count the happening, and write the message if it is the first of its cause."""
    # The rule's row orders those who tell of it at the same moment.
    AlertRule.objects.select_for_update().only("pk").get(pk=rule.pk)
    _, is_new = AlertHappening.objects.get_or_create(rule=rule, key=happening.key)
    if not is_new:
        return
    now = timezone.now()
    open_cases = AlertCase.objects.filter(rule=rule, cause=happening.cause, closes_at__isnull=False)
    if open_cases.update(count=F("count") + 1, text=happening.text, link=happening.link):
        return
    case = AlertCase.objects.create(
        rule=rule,
        cause=happening.cause,
        subject=happening.subject[:200],
        text=happening.text,
        link=happening.link,
        opened_at=now,
        closes_at=now + timedelta(minutes=rule.group_minutes),
        told=1,
    )
    _write(case, case.subject, now)


def go_on() -> int:
    """Tell what was counted in cases whose time is over; returns the number of messages."""
    now = timezone.now()
    with transaction.atomic():
        over = AlertCase.objects.select_for_update(skip_locked=True, of=("self",))
        cases = list(over.filter(closes_at__lte=now).select_related("rule"))
        counted = [case for case in cases if case.count > case.told]
        for case in cases:
            goes_on = case.count > case.told and case.rule.is_active
            pause = timedelta(minutes=max(1, case.rule.group_minutes))
            case.closes_at = now + pause if goes_on else None
            case.told = case.count
        AlertCase.objects.bulk_update(cases, ["closes_at", "told"])
        for case in counted:
            since = f"{case.opened_at:%Y-%m-%d %H:%M} UTC"
            _write(case, f"{case.subject}: {case.count} times since {since}", now)
    return len(counted)


def _write(case: AlertCase, subject: str, now: datetime) -> None:
    rule = case.rule
    quiet_until = rule.quiet_ends_at(now)
    message = asdict(_message(case, subject))
    AlertDelivery.objects.bulk_create(
        AlertDelivery(
            channel=channel,
            rule=rule,
            subject=subject[:250],
            message=message,
            is_held=quiet_until is not None,
            due_at=quiet_until or now,
        )
        for channel in rule.channels.all()
    )
    if quiet_until is None:
        transaction.on_commit(wake, robust=True)


def _message(case: AlertCase, subject: str) -> Message:
    facts: dict[str, Any] = {
        "event": case.rule.event,
        "rule": case.rule.name,
        "team": case.rule.team.slug,
        "cause": case.cause,
        "count": case.count,
        "since": case.opened_at.isoformat(),
    }
    lines = tuple(case.text.splitlines())
    return Message(subject, lines, link_to(case.link), facts)


def link_to(path: str) -> str:
    base: str = settings.FLOWADMIN_PUBLIC_URL
    return f"{base.rstrip('/')}{path}" if base and path else ""


def wake() -> None:
    """Have messages sent now; beat sends what this misses."""
    current_app.send_task("workflows.tasks.send_alerts", retry=False)
