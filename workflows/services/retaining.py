"""What is too old to be kept: what it would be, the space it takes, and letting go of it.

A run goes from Prefect first, with its task runs and logs, and then from our tables: a round
that is cut short leaves nothing behind that nobody knows of. A run that has not ended, the
newest runs of a workflow and its last good one are never let go.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from workers.prefect.current import gateway
from workflows.models import (
    TERMINAL_STATES,
    AlertCase,
    AlertDelivery,
    AlertHappening,
    AuditEntry,
    LogLine,
    NodeRun,
    RetentionPolicy,
    Run,
    RunState,
    Team,
)
from workflows.services import auditing

_BATCH, _MANY = 100, 5_000
#: One round is short; the next one goes on.
_ROUND_SECONDS = 60
_SENT = (AlertDelivery.State.SENT, AlertDelivery.State.FAILED)


@dataclass(frozen=True, slots=True)
class Outdated:
    """Rows of one table that a policy lets go; ``size_bytes`` is their share of the table."""

    team: str
    what: str
    count: int
    size_bytes: int


def outdated(teams: QuerySet[Team] | None = None) -> list[Outdated]:
    """What would go now, by team, without what there is nothing of; ``teams`` None = all."""
    found = []
    for team, what, rows in _rows(timezone.now(), teams):
        if count := rows.count():
            found.append(Outdated(team, what, count, _size(rows, count)))
    return found


def prune(limit: int = 5_000) -> dict[str, int]:
    """Let go of what is outdated, at most ``limit`` runs; returns rows by kind.

    Raises GatewayError; what is gone by then is gone in both places.
    """
    deadline = time.monotonic() + _ROUND_SECONDS
    gone: dict[str, int] = {}
    for _, what, rows in _rows(timezone.now(), None):
        if what == "runs":
            gone[what] = gone.get(what, 0) + _prune_runs(rows, limit, deadline)
        else:
            gone[what] = gone.get(what, 0) + _prune_rows(rows, deadline)
    counted = {what: count for what, count in gone.items() if count}
    if counted:
        auditing.record("retention.pruned", rows=counted)
    return counted


def _rows(now: datetime, teams: QuerySet[Team] | None) -> Iterator[tuple[str, str, QuerySet[Any]]]:
    own = {policy.team_id: policy for policy in RetentionPolicy.objects.all()}
    default = own.get(None) or RetentionPolicy()
    for team in Team.objects.all() if teams is None else teams:
        policy = own.get(team.pk, default)
        yield team.name, "runs", _runs(team, policy, now)
        lines = LogLine.objects.filter(
            run__workflow__team=team,
            run__state__in=TERMINAL_STATES,
            at__lt=_before(now, policy.log_days),
        )
        yield team.name, "log lines", lines
        yield from ((team.name, *rest) for rest in _messages(team, policy, now))
        entries = AuditEntry.objects.filter(team_id=team.pk, at__lt=_before(now, policy.audit_days))
        yield team.name, "audit entries", entries
    if teams is None:
        of_nobody = Q(team_id=None) | ~Q(team_id__in=Team.objects.values("pk"))
        old = AuditEntry.objects.filter(of_nobody, at__lt=_before(now, default.audit_days))
        yield "no team", "audit entries", old


def _runs(team: Team, policy: RetentionPolicy, now: datetime) -> QuerySet[Run]:
    """Ended long ago, and neither among the newest nor the last good one of its workflow."""
    of_workflow = Run.objects.filter(workflow=OuterRef("workflow")).order_by("-created_at", "-id")
    newest = of_workflow.values("pk")[: policy.runs_kept]
    last_good = of_workflow.filter(state=RunState.COMPLETED).values("pk")[:1]
    old = Run.objects.filter(
        workflow__team=team,
        state__in=TERMINAL_STATES,
        ended_at__lt=_before(now, policy.run_days),
    )
    return old.exclude(pk__in=Subquery(newest)).exclude(pk__in=Subquery(last_good))


def _messages(
    team: Team, policy: RetentionPolicy, now: datetime
) -> Iterator[tuple[str, QuerySet[Any]]]:
    before = _before(now, policy.message_days)
    sent = AlertDelivery.objects.filter(channel__team=team, state__in=_SENT)
    yield "alert messages", sent.filter(created_at__lt=before)
    yield (
        "alert cases",
        AlertCase.objects.filter(rule__team=team, closes_at=None, opened_at__lt=before),
    )
    yield "alert notes", AlertHappening.objects.filter(rule__team=team, at__lt=before)


def _before(now: datetime, days: int) -> datetime:
    return now - timedelta(days=days)


def _prune_runs(rows: QuerySet[Run], limit: int, deadline: float) -> int:
    gone = 0
    while gone < limit and time.monotonic() < deadline:
        batch = list(rows.order_by().values_list("pk", flat=True)[:_BATCH])
        if not batch:
            break
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


def _size(rows: QuerySet[Any], count: int) -> int:
    """The rows' share of their table with its indexes; of runs, of their nodes' table too."""
    tables = [rows.model._meta.db_table]
    tables += [NodeRun._meta.db_table] if rows.model is Run else []
    with connection.cursor() as cursor:
        cursor.execute(
            "select sum(pg_total_relation_size(c.oid)), max(c.reltuples) filter (where "
            "c.relname = %s) from pg_class c where c.oid = any(%s::regclass[])",
            [tables[0], tables],
        )
        size, estimated = cursor.fetchone()
    whole = max(estimated or 0, count)
    if (estimated or 0) <= 0:
        whole = max(rows.model._default_manager.count(), count)
    return round(int(size) * count / whole)
