"""Sends what is due. A row is claimed before it is sent, so that no two send it; a sender that
dies leaves a claim that runs out, and the message goes again under the same id."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from workflows.models import AlertChannel, AlertDelivery
from workflows.services.alerting.channel import Message, NotSent, send_to

log = logging.getLogger(__name__)

#: Longer than a round of sending takes, with every receiver at its slowest.
LEASE = timedelta(minutes=5)
ROUND_SECONDS = 60
MOST_ATTEMPTS = 12
_LONGEST_WAIT_SECONDS = 3600
_State = AlertDelivery.State


def send_due(limit: int = 50) -> int:
    """Send what is due, the oldest first; returns the number of messages that arrived."""
    deadline = time.monotonic() + ROUND_SECONDS
    batches = _batches(_claim(limit))
    sent = 0
    for index, batch in enumerate(batches):
        if time.monotonic() > deadline:
            _give_back([row for rest in batches[index:] for row in rest])
            break
        sent += _send(batch)
    return sent


def send_again(delivery: AlertDelivery) -> bool:
    """Try a message that failed once more; False if it has not."""
    failed = AlertDelivery.objects.filter(pk=delivery.pk, state=_State.FAILED)
    again = {"state": _State.WAITING, "due_at": timezone.now(), "attempts": 0}
    return bool(failed.update(**again))


def send_test(channel: AlertChannel) -> None:
    """Send a message that says it is a test, at once. Raises NotSent."""
    message = Message(
        f"a test of '{channel}'",
        ("If you can read this, the channel works.",),
        facts={"event": "test", "team": channel.team.slug},
    )
    send_to(channel, message, f"test-{channel.pk}-{time.time_ns()}")


@transaction.atomic
def _claim(limit: int) -> list[AlertDelivery]:
    now = timezone.now()
    free = Q(locked_until=None) | Q(locked_until__lt=now)
    waiting = AlertDelivery.objects.filter(free, state=_State.WAITING, due_at__lte=now)
    rows = list(
        waiting.select_for_update(skip_locked=True, of=("self",))
        .select_related("channel__team")
        .order_by("due_at", "pk")[:limit]
    )
    for row in rows:
        row.locked_until = now + LEASE
    AlertDelivery.objects.bulk_update(rows, ["locked_until"])
    return rows


def _batches(rows: Sequence[AlertDelivery]) -> list[list[AlertDelivery]]:
    """Each row by itself, and what was held for a channel together."""
    single = [[row] for row in rows if not row.is_held]
    held = sorted((row for row in rows if row.is_held), key=lambda row: (row.channel_id, row.pk))
    return single + [list(group) for _, group in groupby(held, key=lambda row: row.channel_id)]


def _send(batch: Sequence[AlertDelivery]) -> int:
    first = batch[0]
    try:
        send_to(first.channel, _message(batch), f"{first.pk}-{len(batch)}")
    except NotSent as error:
        _note_failure(batch, str(error), permanent=error.permanent)
        return 0
    except Exception as error:
        log.exception("sending alert %s failed", first.pk)
        _note_failure(batch, f"unexpected: {type(error).__name__}", permanent=False)
        return 0
    sent = {"state": _State.SENT, "sent_at": timezone.now(), "locked_until": None, "error": ""}
    _held(batch).update(**sent, attempts=first.attempts + 1)
    return 1


def _note_failure(batch: Sequence[AlertDelivery], reason: str, *, permanent: bool) -> None:
    attempts = max(row.attempts for row in batch) + 1
    is_over = permanent or attempts >= MOST_ATTEMPTS
    _held(batch).update(
        state=_State.FAILED if is_over else _State.WAITING,
        attempts=attempts,
        error=reason,
        due_at=_next_try(attempts),
        locked_until=None,
    )


def _next_try(attempts: int) -> datetime:
    """10, 20, 40 … 3600 seconds from now: twelve attempts take about five hours."""
    return timezone.now() + timedelta(seconds=min(_LONGEST_WAIT_SECONDS, 5 * 2**attempts))


def _held(batch: Sequence[AlertDelivery]) -> Any:
    """The rows whose claim is still ours."""
    pks = [row.pk for row in batch]
    return AlertDelivery.objects.filter(pk__in=pks, locked_until=batch[0].locked_until)


def _give_back(rows: Sequence[AlertDelivery]) -> None:
    AlertDelivery.objects.filter(pk__in=[row.pk for row in rows]).update(locked_until=None)


def _message(batch: Sequence[AlertDelivery]) -> Message:
    messages = [Message(**row.message) for row in batch]
    if len(messages) == 1:
        return messages[0]
    lines = []
    for row, message in zip(batch, messages, strict=True):
        lines += [f"{row.created_at:%Y-%m-%d %H:%M} UTC  {message.subject}", *message.lines, ""]
    facts = {
        "event": "digest",
        "team": batch[0].channel.team.slug,
        "held": [{"subject": m.subject, "link": m.link, **(m.facts or {})} for m in messages],
    }
    return Message(f"{len(messages)} messages held in quiet hours", tuple(lines), facts=facts)
