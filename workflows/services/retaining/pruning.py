"""Lets go of what the policies no longer keep.

A run goes from Prefect first, with its task runs and logs, and then from our tables: a round
that is cut short leaves nothing behind that nobody knows of.
"""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime
from itertools import islice
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from workers.prefect.current import gateway
from workflows.models import TERMINAL_STATES, Run, Team
from workflows.services import auditing
from workflows.services.retaining.crowded import crowded_workflows
from workflows.services.retaining.policies import (
    Sharing,
    in_force,
    old_entries_of_nobody,
    old_rows,
    old_runs,
)

_BATCH, _MANY = 100, 5_000
#: One round is short; the next one goes on.
_ROUND_SECONDS = 60


def prune(limit: int = 5_000) -> dict[str, int]:
    """Let go of what is outdated, at most ``limit`` runs; returns rows by kind.

    Raises GatewayError; what is gone by then is gone in both places.
    """
    now, deadline = timezone.now(), time.monotonic() + _ROUND_SECONDS
    gone: Counter[str] = Counter()
    for sharing in in_force(Team.objects.all()):
        gone["runs"] += _prune_runs(sharing, now, limit - gone["runs"], deadline)
        for old in old_rows(sharing, now):
            gone[old.what] += _prune_rows(old.rows, deadline)
    gone["audit entries"] += _prune_rows(old_entries_of_nobody(now), deadline)
    counted = {what: count for what, count in gone.items() if count}
    if counted:
        auditing.record("retention.pruned", rows=counted)
    return counted


def _prune_runs(sharing: Sharing, now: datetime, limit: int, deadline: float) -> int:
    gone, crowded = 0, iter(crowded_workflows(sharing, now))
    while gone < limit and (workflows := list(islice(crowded, _BATCH))):
        rows = old_runs(workflows, sharing.policy, now).order_by().values_list("pk", flat=True)
        while time.monotonic() < deadline and (batch := list(rows[: min(_BATCH, limit - gone)])):
            gateway().delete_runs(batch)
            Run.objects.filter(pk__in=batch, state__in=TERMINAL_STATES).delete()
            gone += len(batch)
    return gone


def _prune_rows(rows: QuerySet[Any], deadline: float) -> int:
    """Some thousands at a time: one statement for all would hold its locks for long."""
    gone = 0
    while time.monotonic() < deadline:
        batch = list(rows.order_by().values_list("pk", flat=True)[:_MANY])
        rows.model._default_manager.filter(pk__in=batch).delete()
        gone += len(batch)
        if len(batch) < _MANY:
            break
    return gone
