"""Payload → workflow: everything is checked first, then all is written, or nothing."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from engine.issue import Issue
from workflows.models import Team, Workflow
from workflows.services import auditing
from workflows.services.editing import DefinitionRejected, save_definition
from workflows.services.importing.legacy.codes import ImportIssue
from workflows.services.importing.legacy.connections import Connections
from workflows.services.importing.legacy.graph import LegacyGraph
from workflows.services.importing.legacy.translate import Translation, translate


class Mode(StrEnum):
    """What to do about a ``workflow_id``; create and update never do the other's work."""

    CREATE = "create"
    UPDATE = "update"
    COPY = "copy"


class ImportRefused(Exception):
    """The payload has errors; ``issues`` has all of them, and nothing was written."""

    def __init__(self, issues: list[Issue]) -> None:
        super().__init__("; ".join(map(str, issues)))
        self.issues = issues


class AlreadyThere(Exception):
    """A workflow with this id exists, and the mode was not to update or copy it."""

    def __init__(self, workflow_id: uuid.UUID) -> None:
        super().__init__(
            f"workflow '{workflow_id}' exists already; "
            "import with mode=update to replace it, or mode=copy for a second one"
        )
        self.workflow_id = workflow_id


class NotThereToUpdate(Exception):
    """The team has no workflow with this id to update."""

    def __init__(self, workflow_id: uuid.UUID) -> None:
        super().__init__(f"the team has no workflow '{workflow_id}' to update")
        self.workflow_id = workflow_id


@dataclass(frozen=True, slots=True)
class Imported:
    """``graph`` is the payload's own: a projection may have become a node of ours."""

    workflow: Workflow
    graph: LegacyGraph
    schedule: str
    warnings: list[ImportIssue]


def import_payload(
    raw: Mapping[str, Any],
    *,
    team: Team,
    mode: Mode = Mode.CREATE,
    schedule: str = "",
    timezone: str = "UTC",
    preferred_pool: str = "",
    connections: Mapping[str, str] | None = None,
    author: User | None = None,
) -> Imported:
    """Make a workflow of a legacy payload; its id stays unless it is a copy.

    ``connections`` maps a ``connector_id`` or database name to a connection's slug.

    Raises ImportRefused, AlreadyThere, NotThereToUpdate.
    """
    translation = translate(
        raw,
        Connections.of(team, connections),
        schedule=schedule,
        timezone=timezone,
        preferred_pool=preferred_pool,
    )
    if translation.findings.errors:
        raise ImportRefused(list(translation.findings.errors))
    workflow = _save(translation, team, mode, author)
    auditing.record("workflow.imported", workflow, mode=str(mode))
    return Imported(workflow, translation.graph, schedule, translation.findings.warnings)


def _save(translation: Translation, team: Team, mode: Mode, author: User | None) -> Workflow:
    assert translation.definition is not None
    try:
        with transaction.atomic():
            return save_definition(
                team=team,
                definition=translation.definition,
                layout=translation.layout or None,
                author=author,
                message=f"Imported ({mode})",
                legacy=translation.rest,
                **_identity(translation, team, mode),
            )
    except DefinitionRejected as rejected:
        raise ImportRefused(list(rejected.problems)) from rejected
    except IntegrityError:
        # Somebody imported the same payload at the same moment.
        raise AlreadyThere(translation.workflow_id) from None


def _identity(translation: Translation, team: Team, mode: Mode) -> dict[str, Any]:
    """Which workflow is written: ``workflow_id`` of a new one, or the existing ``workflow``."""
    workflow_id = translation.workflow_id
    if mode is Mode.COPY:
        return {"workflow_id": uuid.uuid4()}
    if mode is Mode.CREATE:
        if Workflow.objects.filter(pk=workflow_id).exists():
            raise AlreadyThere(workflow_id)
        return {"workflow_id": workflow_id}
    workflow = Workflow.objects.filter(pk=workflow_id, team=team).first()
    if workflow is None:
        raise NotThereToUpdate(workflow_id)
    return {"workflow": workflow}
