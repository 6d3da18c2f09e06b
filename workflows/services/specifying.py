"""What is sent to Prefect of a workflow, and the hash that tells whether it was sent before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from engine.plan import Plan, PlanConnection, Schedule, canonical_json
from engine.sealing import seal
from workers.models import Pool
from workers.prefect.gateway import DeploymentSpec
from workflows.models import Overlap, Workflow, WorkflowVersion
from workflows.models import Schedule as ScheduleRow
from workflows.services.connections import secrets_of
from workflows.services.mirror import workflow_tag

#: Deployments that only take runs the assigned pool has no room for.
TWIN_TAG = "twin"
_OVERLAPS = {Overlap.QUEUE: "ENQUEUE", Overlap.CANCEL: "CANCEL_NEW"}


class NotSealable(Exception):
    """The pool cannot be given secrets yet."""


def spec_of(
    workflow: Workflow,
    plan: Plan,
    version: WorkflowVersion,
    pool: Pool,
    schedules: Iterable[ScheduleRow],
) -> DeploymentSpec:
    sealed = _seal(workflow, plan, pool).model_copy(
        update={"memory_limit_mb": pool.memory_limit_mb}
    )
    return DeploymentSpec(
        name=name_of(workflow, pool),
        pool=pool.name,
        parameters={"plan": sealed.model_dump(mode="json")},
        tags=("flowadmin", workflow_tag(workflow.pk), f"team:{workflow.team.slug}"),
        schedules=tuple(_schedule(row) for row in schedules),
        is_paused=workflow.is_paused,
        description=workflow.description,
        concurrency_limit=workflow.concurrency_limit,
        overlap=_OVERLAPS[Overlap(workflow.overlap)],
        version=str(version.number),
    )


def twin_of(spec: DeploymentSpec) -> DeploymentSpec:
    return replace(spec, tags=(*spec.tags, TWIN_TAG), schedules=(), is_paused=False)


def _seal(workflow: Workflow, plan: Plan, pool: Pool) -> Plan:
    """The plan with every connection's secrets sealed for the pool."""
    rows = workflow.team.connections.filter(slug__in=plan.connections)
    sealed: dict[str, PlanConnection] = dict(plan.connections)
    for row in rows:
        secrets = secrets_of(row)
        if secrets and not pool.public_key:
            raise NotSealable(
                f"pool '{pool.name}' has no key to seal secrets of connection '{row.slug}' to; "
                "start its worker once, or enter its public key"
            )
        box = seal(pool.public_key, secrets) if secrets else ""
        sealed[row.slug] = sealed[row.slug].model_copy(update={"sealed": box})
    return plan.model_copy(update={"connections": sealed})


def fingerprint_of(spec: DeploymentSpec, plan: Plan, pool: Pool) -> str:
    """Of everything sent; sealed boxes differ each time, so revisions and the key stand in."""
    sent = asdict(replace(spec, parameters={}, schedules=()))
    schedules = [schedule.model_dump(mode="json") for schedule in spec.schedules]
    return hash_of([sent, schedules, plan.fingerprint(), pool.public_key, pool.memory_limit_mb])


def hash_of(value: Any) -> str:
    return hashlib.sha256(canonical_json(value)).hexdigest()


def name_of(workflow: Workflow, pool: Pool) -> str:
    return f"wf-{workflow.pk}@{pool.name}"


def _schedule(row: ScheduleRow) -> Schedule:
    return Schedule(
        slug=row.slug,
        cron=row.cron,
        interval_seconds=round(row.interval / timedelta(seconds=1)) if row.interval else None,
        run_at=row.run_at,
        timezone=row.timezone,
        is_active=row.is_active,
    )
