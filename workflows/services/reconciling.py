"""Finds what nobody announced: lost deployments, orphans, rows changed behind our back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Exists, OuterRef

from workers.models import PoolAssignment
from workers.prefect.current import gateway
from workers.prefect.gateway import Deployment
from workers.provisioning import ensure_pools
from workers.reconciling import ensure_zombie_automation
from workflows.models import (
    Registration,
    RegistrationOutbox,
    RegistrationState,
    Workflow,
    WorkflowVersion,
)
from workflows.outbox import mark_dirty
from workflows.services.deploying import retire
from workflows.services.mirror import workflow_id_of
from workflows.services.specifying import TWIN_TAG
from workflows.services.versions import definition_of

_CHUNK = 200


@dataclass(slots=True)
class Findings:
    """Workflows by what was found; all of them are registered again."""

    missing: set[UUID] = field(default_factory=set)
    changed: set[UUID] = field(default_factory=set)
    orphaned: set[UUID] = field(default_factory=set)
    moved: set[UUID] = field(default_factory=set)
    superfluous: int = 0


def reconcile() -> Findings:
    """Compare rows, registrations and Prefect, and set right what differs.

    Raises GatewayError.
    """
    found = Findings()
    ensure_pools()
    ensure_zombie_automation()
    deployments = gateway().find_deployments("flowadmin")
    _compare_with_prefect(deployments, found)
    found.changed |= _never_marked() | _changed_silently()
    found.moved |= _on_a_fallback()
    lost = found.missing | found.orphaned
    Registration.objects.filter(pk__in=lost).update(fingerprint="", twins={})
    mark_dirty(*lost, *found.changed, *found.moved)
    return found


def _compare_with_prefect(deployments: Sequence[Deployment], found: Findings) -> None:
    registered = {
        row.pk: row
        for row in Registration.objects.exclude(deployment_id=None).select_related("workflow")
    }
    there = {deployment.id: deployment for deployment in deployments}
    for row in registered.values():
        assert row.deployment_id is not None
        deployment = there.get(row.deployment_id)
        if deployment is None or deployment.is_paused != row.workflow.is_paused:
            found.missing.add(row.pk)
    for deployment in deployments:
        owner = workflow_id_of(deployment.tags)
        if owner is None or TWIN_TAG in deployment.tags:
            continue
        if owner not in registered:
            found.orphaned.add(owner)
        elif deployment.id != registered[owner].deployment_id:
            retire(deployment, owner, deployment.pool)
            found.superfluous += 1


def _never_marked() -> set[UUID]:
    """Rows loaded from fixtures or written in bulk: no signal was sent."""
    marked = RegistrationOutbox.objects.filter(workflow_id=OuterRef("pk"))
    return set(Workflow.objects.filter(~Exists(marked)).values_list("pk", flat=True))


def _changed_silently() -> set[UUID]:
    """Registered workflows whose rows differ from their latest version."""
    settled = Workflow.objects.filter(registration__state=RegistrationState.REGISTERED)
    parts = settled.select_related("preferred_pool").prefetch_related(
        "nodes", "dependencies", "schedules"
    )
    latest = {
        version.workflow_id: version.fingerprint
        for version in WorkflowVersion.objects.order_by("workflow_id", "-number")
        .distinct("workflow_id")
        .only("workflow_id", "fingerprint")
    }
    return {
        workflow.pk
        for workflow in parts.iterator(chunk_size=_CHUNK)
        if definition_of(workflow).fingerprint() != latest.get(workflow.pk)
    }


def _on_a_fallback() -> set[UUID]:
    """Assigned elsewhere because their own pool was paused or had no worker; it may be back."""
    elsewhere = PoolAssignment.objects.filter(reason=PoolAssignment.Reason.FALLBACK)
    return set(elsewhere.values_list("workflow_id", flat=True))
