"""Which rows the policies let go.

A run that has not ended, the newest runs of a workflow and its last good one never are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery

from workflows.models import (
    TERMINAL_STATES,
    AlertCase,
    AlertDelivery,
    AlertHappening,
    AuditEntry,
    LogLine,
    RetentionPolicy,
    Run,
    RunState,
    Team,
)

_SENT = (AlertDelivery.State.SENT, AlertDelivery.State.FAILED)


@dataclass(frozen=True, slots=True)
class Sharing:
    """Ids of the teams that go by one policy."""

    policy: RetentionPolicy
    teams: Sequence[int]


@dataclass(frozen=True, slots=True)
class OldRows:
    """Rows of one table; ``team`` is the path to the id of theirs."""

    what: str
    rows: QuerySet[Any]
    team: str


def in_force(teams: QuerySet[Team]) -> list[Sharing]:
    """The policies of these teams; those without their own share one."""
    own = {policy.team_id: policy for policy in RetentionPolicy.objects.all()}
    default, pks = _default(own.get(None)), list(teams.values_list("pk", flat=True))
    others = [pk for pk in pks if pk not in own]
    return [Sharing(default, others), *(Sharing(own[pk], [pk]) for pk in pks if pk in own)]


def old_rows(sharing: Sharing, now: datetime) -> Iterator[OldRows]:
    """All but runs, which ``crowded_workflows`` and ``old_runs`` tell."""
    policy, teams = sharing.policy, sharing.teams
    lines = LogLine.objects.filter(run__workflow__team__in=teams, run__state__in=TERMINAL_STATES)
    old_lines = lines.filter(at__lt=before(now, policy.log_days))
    yield OldRows("log lines", old_lines, "run__workflow__team")
    last = before(now, policy.message_days)
    sent = AlertDelivery.objects.filter(channel__team__in=teams, state__in=_SENT)
    yield OldRows("alert messages", sent.filter(created_at__lt=last), "channel__team")
    cases = AlertCase.objects.filter(rule__team__in=teams, closes_at=None, opened_at__lt=last)
    yield OldRows("alert cases", cases, "rule__team")
    notes = AlertHappening.objects.filter(rule__team__in=teams, at__lt=last)
    yield OldRows("alert notes", notes, "rule__team")
    entries = AuditEntry.objects.filter(team__in=teams, at__lt=before(now, policy.audit_days))
    yield OldRows("audit entries", entries, "team")


def old_entries_of_nobody(now: datetime) -> QuerySet[AuditEntry]:
    """Those of no team, or of one that is gone, by the default policy."""
    policy = _default(RetentionPolicy.objects.filter(team=None).first())
    of_nobody = Q(team_id=None) | ~Q(team_id__in=Team.objects.values("pk"))
    return AuditEntry.objects.filter(of_nobody, at__lt=before(now, policy.audit_days))


def old_runs(workflows: Sequence[Any], policy: RetentionPolicy, now: datetime) -> QuerySet[Run]:
    """Ended long ago, and neither among the newest nor the last good one of its workflow."""
    of_workflow = Run.objects.filter(workflow=OuterRef("workflow")).order_by("-created_at", "-id")
    newest = of_workflow.values("pk")[: policy.runs_kept]
    last_good = of_workflow.filter(state=RunState.COMPLETED).values("pk")[:1]
    old = Run.objects.filter(
        workflow__in=workflows,
        state__in=TERMINAL_STATES,
        ended_at__lt=before(now, policy.run_days),
    )
    return old.exclude(pk__in=Subquery(newest)).exclude(pk__in=Subquery(last_good))


def before(now: datetime, days: int) -> datetime:
    return now - timedelta(days=days)


def _default(policy: RetentionPolicy | None) -> RetentionPolicy:
    return policy or RetentionPolicy()
