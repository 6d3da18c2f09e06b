"""A workflow's rows → its deployment in Prefect.

Every step may be repeated: names are derived from the workflow and the pool, Prefect's
upsert keeps the id, and what was done is recorded only afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from pydantic import ValidationError

from engine.issue import Issue
from engine.plan import Plan
from engine.registry import kinds
from workers.capacity import pool_states
from workers.models import Pool, PoolAssignment
from workers.prefect.current import gateway
from workers.prefect.gateway import Deployment, DeploymentSpec
from workers.routing import Requirements, Route, route
from workflows.catalog import DatabaseCatalog
from workflows.compile import Compilation, compile_workflow
from workflows.definition import Definition
from workflows.models import (
    Registration,
    RegistrationState,
    Run,
    RunState,
    Trigger,
    Workflow,
    WorkflowVersion,
)
from workflows.services.connections import facts_of
from workflows.services.mirror import workflow_tag
from workflows.services.specifying import (
    NotSealable,
    fingerprint_of,
    hash_of,
    name_of,
    spec_of,
    twin_of,
)
from workflows.services.versions import latest_version, record_version


class LeaseLost(Exception):
    """Somebody else has taken over this workflow."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """``word`` for logs and tests, ``state`` and ``fields`` for the Registration row."""

    word: str
    state: RegistrationState
    reason: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


def deploy(workflow_id: UUID, keep_lease: Callable[[], None]) -> Outcome:
    """Bring Prefect in line with the rows as they are now.

    ``keep_lease`` is called before Prefect is changed, and raises LeaseLost.
    Raises GatewayError.
    """
    try:
        workflow, version = _take_version(workflow_id)
    except ValidationError as error:
        broken = Workflow.objects.select_related("registration").get(pk=workflow_id)
        return _failed(broken, [_row_issue(details) for details in error.errors()])
    if workflow is None or version is None:
        keep_lease()
        return _remove(workflow_id, is_gone=workflow is None)
    definition = Definition.model_validate(version.definition)
    compilation = compile_now(workflow, definition, version.number)
    compiled = {
        "issues": [issue.model_dump(mode="json") for issue in compilation.issues],
        "schemas": {k: s.as_json() if s else None for k, s in compilation.schemas.items()},
        "requirements": asdict(compilation.requirements),
    }
    if compilation.plan is None:
        keep_lease()
        return _failed(workflow, compilation.errors, compiled)
    pool = _assign(workflow, compilation.requirements)
    try:
        return _register(workflow, compilation.plan, version, pool, compiled, keep_lease)
    except NotSealable as error:
        return Outcome("failed", RegistrationState.FAILED, str(error), compiled)


@transaction.atomic
def _take_version(workflow_id: UUID) -> tuple[Workflow | None, WorkflowVersion | None]:
    """The workflow as one save left it, and its version; no version if it is disabled.

    Every save locks the workflow's row first, so that none is seen half, and none that is
    older than the latest version is taken for a change. Raises ValidationError.
    """
    rows = Workflow.objects.select_related("team", "preferred_pool", "registration")
    workflow = rows.select_for_update(of=("self",)).filter(pk=workflow_id).first()
    if workflow is None or not workflow.is_enabled:
        return workflow, None
    return workflow, record_version(workflow) or latest_version(workflow.pk)


def compile_now(
    workflow: Workflow, definition: Definition, version: int, upto: str = ""
) -> Compilation:
    """Compile with what is known of the databases; on errors ask them again before saying so."""
    used = {str(node.config.get("connection", "")) for node in definition.nodes}
    facts = facts_of(workflow.team, used)

    def attempt(catalog: DatabaseCatalog) -> Compilation:
        return compile_workflow(
            definition,
            workflow_id=str(workflow.pk),
            version=version,
            connections=facts,
            catalog=catalog,
            kinds=kinds(),
            upto=upto,
            allows_python=workflow.team.allows_python,
        )

    catalog = DatabaseCatalog(workflow.team)
    compilation = attempt(catalog)
    if compilation.errors and catalog.has_remembered:
        return attempt(DatabaseCatalog(workflow.team, is_fresh=True))
    return compilation


def twin(workflow: Workflow, pool_name: str) -> Deployment:
    """The deployment of the registered version on another pool, without schedules.

    No call is made when it is there already. Raises GatewayError, NotSealable.
    """
    current = Registration.objects.select_related("version").get(workflow=workflow)
    pool = Pool.objects.get(name=pool_name)
    assert current.version is not None
    spec_name = name_of(workflow, pool)
    fingerprint = hash_of([current.fingerprint, pool.name, pool.public_key, pool.memory_limit_mb])
    known = current.twins.get(pool_name, {})
    if known.get("fingerprint") == fingerprint:
        return Deployment(UUID(known["id"]), spec_name, pool_name, is_paused=False)
    definition = Definition.model_validate(current.version.definition)
    plan = compile_now(workflow, definition, current.version.number).plan
    if plan is None:
        raise NotSealable("the registered version does not compile any more; save it again")
    spec = twin_of(spec_of(workflow, plan, current.version, pool, ()))
    deployment = gateway().upsert_deployment(spec)
    twins = {**current.twins, pool_name: {"id": str(deployment.id), "fingerprint": fingerprint}}
    Registration.objects.filter(workflow=workflow).update(twins=twins)
    return deployment


def retire(deployment: Deployment | UUID, workflow_id: UUID, pool: str) -> None:
    """Remove a deployment that lost its workflow or its pool; runs in flight keep going.

    A run that still waits for a worker needs its deployment, which then stays, silent.
    """
    deployment_id = deployment if isinstance(deployment, UUID) else deployment.id
    waiting = Run.objects.filter(
        workflow_id=workflow_id, pool=pool, state__in=(RunState.SCHEDULED, RunState.PENDING)
    ).exclude(trigger=Trigger.SCHEDULE)
    if waiting.exists():
        gateway().set_deployment_paused(deployment_id, True)
    else:
        gateway().delete_deployment(deployment_id)


def _remove(workflow_id: UUID, *, is_gone: bool) -> Outcome:
    for deployment in gateway().find_deployments(workflow_tag(workflow_id)):
        gateway().delete_deployment(deployment.id)
    nothing = {"fingerprint": "", "deployment_id": None, "deployment_name": "", "pool": ""}
    word = "removed" if is_gone else "disabled"
    return Outcome(word, RegistrationState.DISABLED, "", {**nothing, "twins": {}, "version": None})


def _failed(
    workflow: Workflow, errors: Sequence[Issue], compiled: Mapping[str, Any] | None = None
) -> Outcome:
    """The last good deployment stays, but pausing a workflow always works."""
    current = workflow.registration
    if current.deployment_id is not None:
        gateway().set_deployment_paused(current.deployment_id, workflow.is_paused)
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    fields = compiled or {"issues": [issue.model_dump(mode="json") for issue in errors]}
    # Paused by other means than the spec: the next good save must be sent whatever it holds.
    return Outcome(
        "failed", RegistrationState.FAILED, f"{errors[0]}{more}", {**fields, "fingerprint": ""}
    )


def _row_issue(details: Any) -> Issue:
    where = ".".join(map(str, details["loc"]))
    return Issue(code="definition_invalid", message=f"{where}: {details['msg']}", field=where)


def _assign(workflow: Workflow, requirements: Requirements) -> Pool:
    """The pool for its deployment. A full pool is full for seconds, an assignment lasts:
    only a pause or the want of a worker leads elsewhere."""
    states = pool_states(workflow.team)
    chosen = route(requirements, [replace(state, active=None) for state in states])
    for state in states:
        chosen.receipt["capacity"][state.name]["active"] = state.active
    return _record_assignment(workflow, chosen)


def _record_assignment(workflow: Workflow, chosen: Route) -> Pool:
    pool = Pool.objects.get(name=chosen.pool)
    PoolAssignment.objects.update_or_create(
        workflow=workflow,
        defaults={"pool": pool, "reason": chosen.reason, "receipt": chosen.receipt},
    )
    return pool


def _register(
    workflow: Workflow,
    plan: Plan,
    version: WorkflowVersion,
    pool: Pool,
    compiled: Mapping[str, Any],
    keep_lease: Callable[[], None],
) -> Outcome:
    current = workflow.registration
    spec = spec_of(workflow, plan, version, pool, workflow.schedules.all())
    fingerprint = fingerprint_of(spec, plan, pool)
    if current.deployment_id is not None and current.fingerprint == fingerprint:
        return Outcome("unchanged", RegistrationState.REGISTERED, "", compiled)
    keep_lease()
    deployment = _upsert(current, spec)
    fields = {
        **compiled,
        "fingerprint": fingerprint,
        "deployment_id": deployment.id,
        "deployment_name": deployment.name,
        "pool": pool.name,
        "version": version,
        "registered_at": timezone.now(),
        "twins": {name: known for name, known in current.twins.items() if name != pool.name},
    }
    return Outcome("registered", RegistrationState.REGISTERED, "", fields)


def _upsert(current: Registration, spec: DeploymentSpec) -> Deployment:
    """On a move, schedules are on neither deployment for a moment, and never on both."""
    if current.deployment_id is None or current.deployment_name == spec.name:
        return gateway().upsert_deployment(spec)
    gateway().upsert_deployment(replace(spec, schedules=()))
    retire(current.deployment_id, current.workflow_id, current.pool)
    return gateway().upsert_deployment(spec)
