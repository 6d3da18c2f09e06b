"""Late runs of schedules go to a pool that has room.

A flow run cannot change its pool: it is canceled where it waits, and made anew in the twin
deployment of another pool.

1. Cancel the late run, saying where it goes; a run that has ended meanwhile is left alone.
2. Make the new run, under a key that belongs to the old one.

A crash between the two loses nothing: the message of the canceled run is the note that the
next round finds, and the key makes repeating the second step harmless.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from workers.capacity import pool_states
from workers.prefect.current import gateway
from workers.prefect.gateway import FlowRun
from workers.routing import PoolState, Route, route
from workflows import registration
from workflows.models import Run, Trigger, Workflow
from workflows.services import mirror, running

LATE_AFTER = timedelta(seconds=60)
#: How far back late and half-moved runs are looked for.
LOOKED_BACK = timedelta(hours=6)
OUR_TAG = "flowadmin"
_NOTE = "moved to '{pool}'"
_MOVED = re.compile(r"moved to '([^']+)'")


def move_late_runs() -> list[Run]:
    """Move what is late and has somewhere to go; the new runs. Raises ``GatewayError``."""
    _cancel_late()
    return _make_anew()


def _cancel_late() -> None:
    seen: dict[int, Sequence[PoolState]] = {}
    taken: list[str] = []
    for run, workflow in _late():
        if workflow.team_id not in seen:
            seen[workflow.team_id] = pool_states(workflow.team)
        states = [_with_more(s, taken.count(s.name)) for s in seen[workflow.team_id]]
        chosen = route(registration.requirements_of(workflow), states)
        if chosen.reason != "fallback" or chosen.pool == run.pool:
            continue
        if gateway().end_cancel(run.id, f"{_NOTE.format(pool=chosen.pool)}: {_why(chosen)}"):
            taken.append(chosen.pool)


def _make_anew() -> list[Run]:
    since = timezone.now() - LOOKED_BACK
    canceled = gateway().runs(tag=OUR_TAG, states=["CANCELLED"], since=since, limit=1_000)
    noted = [(run, found[1]) for run in canceled if (found := _MOVED.match(run.message))]
    done = set(
        Run.objects.filter(receipt__moved_from__in=[str(run.id) for run, _ in noted]).values_list(
            "receipt__moved_from", flat=True
        )
    )
    owned = _owned([run for run, _ in noted if str(run.id) not in done])
    pools = {run.id: pool for run, pool in noted}
    return [_make(run, workflow, pools[run.id]) for run, workflow in owned]


def _late() -> list[tuple[FlowRun, Workflow]]:
    """Late runs of schedules, the longest waiting first."""
    now = timezone.now()
    waiting = gateway().runs(
        tag=OUR_TAG, states=["SCHEDULED"], since=now - LOOKED_BACK, limit=1_000
    )
    late = [
        run
        for run in waiting
        if run.is_scheduled and run.expected_at and run.expected_at < now - LATE_AFTER
    ]
    return _owned(late[::-1])


def _owned(runs: Sequence[FlowRun]) -> list[tuple[FlowRun, Workflow]]:
    """Runs with their workflows; those whose workflow is gone or not registered are left out."""
    owners = {run.id: mirror.workflow_id_of(run.tags) for run in runs}
    workflows = (
        Workflow.objects.filter(is_enabled=True, registration__deployment_id__isnull=False)
        .select_related("registration", "preferred_pool", "team")
        .in_bulk([owner for owner in owners.values() if owner])
    )
    pairs = ((run, workflows.get(owners[run.id] or UUID(int=0))) for run in runs)
    return [(run, workflow) for run, workflow in pairs if workflow is not None]


def _make(old: FlowRun, workflow: Workflow, pool: str) -> Run:
    flow_run = gateway().create_run(
        registration.twin(workflow, pool).id,
        parameters={"parameters": given} if (given := old.parameters.get("parameters")) else None,
        idempotency_key=f"fallback:{old.id}",
        tags=mirror.tags_of(Trigger.FALLBACK, None),
    )
    receipt = {"summary": old.message, "chosen_by": "fallback", "moved_from": str(old.id)}
    return running.record(flow_run, pool=pool, receipt=receipt)


def _why(chosen: Route) -> str:
    summary: str = chosen.receipt["summary"]
    return summary


def _with_more(state: PoolState, runs: int) -> PoolState:
    """With the runs that were given to it since it was looked at."""
    return state if state.active is None else replace(state, active=state.active + runs)
