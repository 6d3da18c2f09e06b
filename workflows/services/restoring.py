"""An earlier version made the current one again, as a new version."""

from __future__ import annotations

from django.contrib.auth.models import User

from workflows.definition import Definition
from workflows.models import Workflow, WorkflowVersion
from workflows.services.editing import save_definition


def restore(version: WorkflowVersion, author: User | None = None) -> Workflow:
    """Save what ``version`` says, nodes where they stood then.

    Raises DefinitionRejected for what rows cannot hold any more, such as a pool that is gone.
    """
    workflow = version.workflow
    return save_definition(
        team=workflow.team,
        definition=Definition.model_validate(version.definition),
        layout=version.layout,
        author=author,
        message=f"restored from version {version.number}",
        workflow=workflow,
    )
