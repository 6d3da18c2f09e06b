"""Whether a workflow has a deployment at all."""

from __future__ import annotations

from django.db import transaction

from workflows.models import TERMINAL_STATES, Run, Workflow
from workflows.services.running import register_again


@transaction.atomic
def enable(workflow: Workflow) -> None:
    """Register the workflow, whether or not anything changed."""
    if not workflow.is_enabled:
        _set_enabled(workflow, True)
    register_again(workflow)


@transaction.atomic
def disable(workflow: Workflow, *, delete_runs: bool = False) -> int:
    """Remove its deployments, soon; its definition stays. Returns the number of runs deleted.

    Only runs that have ended are deleted.
    """
    _set_enabled(workflow, False)
    if not delete_runs:
        return 0
    ended = Run.objects.filter(workflow=workflow, state__in=TERMINAL_STATES)
    _, per_model = ended.delete()
    return per_model.get(Run._meta.label, 0)


def _set_enabled(workflow: Workflow, is_enabled: bool) -> None:
    workflow.is_enabled = is_enabled
    workflow.save(update_fields=["is_enabled", "updated_at"])
