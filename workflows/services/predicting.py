"""Where a workflow will go, before anybody has asked Prefect."""

from __future__ import annotations

from engine.registry import kinds
from workers.capacity import pool_state, pools_for
from workers.routing import Requirements, route
from workflows.models import Workflow


def pool_by_rule(workflow: Workflow) -> str:
    """Name of the pool that the rule sends the workflow to, whatever its load."""
    known = kinds()
    nodes = workflow.nodes.values_list("kind", flat=True)
    roles = [known[kind].role for kind in nodes if kind in known]
    requirements = Requirements(
        nodes=len(nodes),
        database_nodes=sum(role in ("source", "target") for role in roles),
        transforms=roles.count("transform"),
        estimated_rows=workflow.estimated_rows,
        needs_high_memory=workflow.needs_high_memory,
        preferred_pool=workflow.preferred_pool.name if workflow.preferred_pool else "",
    )
    team = workflow.team
    states = [pool_state(pool, None, team) for pool in pools_for(team)]
    return route(requirements, states).pool
