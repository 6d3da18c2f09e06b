"""Keeps the mirror of runs up to date by asking Prefect; events make it faster, not truer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from workers.prefect.current import gateway
from workers.prefect.gateway import FlowRun
from workflows.models import OPEN_STATES, TERMINAL_STATES, NodeRun, Run, RunState, Trigger
from workflows.services.alerting.noticing import runs_ended
from workflows.services.mirror import apply_flow_run, apply_flow_runs, apply_task_runs

__all__ = [
    "apply_flow_run",
    "apply_flow_runs",
    "apply_task_runs",
    "backfill",
    "discover",
    "poll_active",
    "refresh",
    "settle_nodes",
]

#: Prefect writes task runs after their flow run has ended, and may never write some.
SETTLED_AFTER = timedelta(seconds=30)
#: A run that Prefect does not know is given this long to appear.
_VANISHED_AFTER = timedelta(seconds=30)
_BATCH = 100

T = TypeVar("T")


def poll_active() -> int:
    """Ask for every run that is open, or whose nodes are; returns how many those were."""
    open_runs = list(Run.objects.filter(state__in=OPEN_STATES).values_list("pk", flat=True))
    unsettled = _unsettled()
    for batch in _batches(open_runs):
        known = refresh(batch)
        _close_vanished(set(batch) - known)
    for batch in _batches([pk for pk in unsettled if pk not in open_runs]):
        apply_task_runs(gateway().task_runs(batch))
    settle_nodes()
    return len(set(open_runs) | set(unsettled))


def refresh(run_ids: Sequence[UUID]) -> set[UUID]:
    """Read these runs and their nodes again; returns those that Prefect knows."""
    found = gateway().runs(ids=run_ids, limit=len(run_ids))
    apply_flow_runs(found)
    begun = [run.id for run in found if run.started_at is not None]
    if begun:
        apply_task_runs(gateway().task_runs(begun))
    return {run.id for run in found}


def discover() -> int:
    """Find runs that are under way or late and that no event announced."""
    under_way = ("PENDING", "RUNNING", "CANCELLING", "PAUSED")
    found = list(gateway().runs(tag="flowadmin", states=under_way))
    waiting = gateway().runs(tag="flowadmin", states=("SCHEDULED",))
    return len(apply_flow_runs([*found, *(run for run in waiting if run.state_name == "Late")]))


def backfill(days: int = 7) -> int:
    """Rebuild the rows of runs that were due in the last days, the newest of each workflow;
    returns how many there are."""
    since = timezone.now() - timedelta(days=days)
    rows = 0
    for tag in sorted({tag for d in gateway().find_deployments("flowadmin") for tag in d.tags}):
        if tag.startswith("workflow:"):
            rows += _backfill(gateway().runs(tag=tag, since=since))
    return rows


def settle_nodes() -> int:
    """Give an end to nodes of ended runs that Prefect keeps silent about."""
    deadline = timezone.now() - SETTLED_AFTER
    rows = list(
        NodeRun.objects.filter(state__in=OPEN_STATES, run__state__in=TERMINAL_STATES)
        .filter(Q(run__ended_at__lt=deadline) | Q(run__ended_at=None))
        .select_related("run")
    )
    for row in rows:
        settle(row)
    NodeRun.objects.bulk_update(rows, ["state", "ended_at"], batch_size=500)
    return len(rows)


def settle(row: NodeRun) -> None:
    """Let a node end as its run did, without saving it."""
    row.state = _settled(row)
    row.ended_at = row.run.ended_at if row.started_at else None


def _settled(row: NodeRun) -> RunState:
    if row.run.state == RunState.COMPLETED:
        return RunState.COMPLETED
    return RunState(row.run.state) if row.started_at else RunState.SKIPPED


def _unsettled() -> list[UUID]:
    rows = NodeRun.objects.filter(state__in=OPEN_STATES, run__state__in=TERMINAL_STATES)
    return list(rows.values_list("run_id", flat=True).distinct().order_by("run_id"))


def _close_vanished(run_ids: set[UUID]) -> None:
    """Runs that Prefect deleted: due ones of a schedule were never begun, others are closed."""
    old = Run.objects.filter(
        pk__in=run_ids, created_at__lt=timezone.now() - _VANISHED_AFTER, state__in=OPEN_STATES
    )
    old.filter(started_at=None, trigger=Trigger.SCHEDULE).delete()
    message = "Prefect does not know this run any more"
    ended = {"ended_at": timezone.now(), "message": message, "error_code": "E_VANISHED"}
    old.filter(started_at=None).update(state=RunState.CANCELLED, **ended)
    begun = list(old.exclude(started_at=None).values_list("pk", flat=True))
    Run.objects.filter(pk__in=begun).update(state=RunState.CRASHED, **ended)
    runs_ended(list(Run.objects.filter(pk__in=begun)))


def _backfill(flow_runs: Sequence[FlowRun]) -> int:
    apply_flow_runs(flow_runs)
    for batch in _batches([run.id for run in flow_runs]):
        apply_task_runs(gateway().task_runs(batch))
    return len(flow_runs)


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]
