"""Previews: rows at a node of a definition, saved or not, without a run.

1. The definition is compiled as far as the node: what is wrong up to there is said.
2. The plan and the secrets of its connections go to a process that does the work.
3. Meanwhile a line in the cache says who asked; where it is removed, the preview ends.
"""

from __future__ import annotations

import atexit
import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from django.core.cache import cache
from redis.exceptions import RedisError

from engine.errors import StepFailed
from engine.issue import Issue
from engine.plan import Plan
from engine.previews.previewer.client import GRACE_SECONDS, Previewer, PreviewError
from engine.samples.sample import Extent
from workflows.definition import Definition
from workflows.models import Workflow
from workflows.services.connections import secrets_of
from workflows.services.deploying import compile_now

#: A preview has little to keep.
MEMORY_LIMIT_MB = 256

_previewers: dict[int, Previewer] = {}


class NotPreviewable(Exception):
    """Nothing was read, because of these findings."""

    def __init__(self, issues: list[Issue]) -> None:
        super().__init__(str(issues[0]))
        self.issues = issues


class AlreadyAsked(PreviewError):
    """A preview of this id is on its way."""

    code = "E_PREVIEW_ID"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. ``owner`` (a principal's name) may cancel it by ``id``."""

    definition: Definition
    node: str
    owner: str
    extent: Extent = field(default_factory=Extent)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    id: UUID = field(default_factory=uuid.uuid4)


def expect() -> None:
    """What makes previews gets ready, which takes it a second."""
    _previewer().start()


def preview(
    workflow: Workflow, question: Question, is_wanted: Callable[[], bool] = lambda: True
) -> dict[str, Any]:
    """What ``engine.previews.previewing.Preview`` says, as JSON; of the workflow, its team is used.

    It ends when ``is_wanted`` says no: somebody asks it again and again.
    Raises ``NotPreviewable``, ``StepFailed``, ``AlreadyAsked``, and what ``Previewer.ask`` does.
    """
    expect()
    plan = _plan(workflow, question)
    request = {
        "plan": plan.model_dump(mode="json"),
        "node": question.node,
        "parameters": dict(question.parameters),
        "extent": asdict(question.extent),
        "secrets": _secrets(workflow, plan),
    }
    key, seconds = _key(question.id), question.extent.seconds
    if not cache.add(key, question.owner, seconds + 2 * GRACE_SECONDS):
        raise AlreadyAsked(f"preview '{question.id}' is on its way; give each an id of its own")
    try:
        answer = _previewer().ask(request, seconds, lambda: is_wanted() and _is_wanted(key))
    finally:
        cache.delete(key)
    if failure := answer.get("failure"):
        raise StepFailed(failure["node"], failure["message"], code=failure["code"])
    found: dict[str, Any] = answer["preview"]
    return {"id": str(question.id), **found}


def cancel(preview_id: UUID, owner: str) -> bool:
    """End a preview of ``owner``; False when there is none of that id."""
    key = _key(preview_id)
    return bool(cache.get(key) == owner and cache.delete(key))


def _plan(workflow: Workflow, question: Question) -> Plan:
    known = {node.key for node in question.definition.nodes}
    if question.node not in known:
        raise NotPreviewable([_finding("unknown_node", f"there is no node '{question.node}'")])
    for name in question.parameters:
        if name not in question.definition.parameters:
            message = f"the workflow has no parameter '{name}'"
            raise NotPreviewable([_finding("unknown_parameter", message, f"parameters.{name}")])
    compiled = compile_now(workflow, question.definition, 1, upto=question.node)
    if compiled.plan is None:
        raise NotPreviewable(list(compiled.errors))
    sealed = {
        slug: connection.model_copy(update={"sealed": slug})
        for slug, connection in compiled.plan.connections.items()
    }
    limits = {"connections": sealed, "memory_limit_mb": MEMORY_LIMIT_MB}
    return compiled.plan.model_copy(update=limits)


def _secrets(workflow: Workflow, plan: Plan) -> dict[str, dict[str, str]]:
    rows = workflow.team.connections.filter(slug__in=plan.connections)
    return {row.slug: secrets_of(row) for row in rows}


def _finding(code: str, message: str, field: str = "node") -> Issue:
    return Issue(code=code, message=message, field=field)


def _key(preview_id: UUID) -> str:
    return f"preview:{preview_id}"


def _is_wanted(key: str) -> bool:
    try:
        return cache.get(key) is not None
    except RedisError:
        return True


def _previewer() -> Previewer:
    """That of this process: a socket does not survive a fork in one piece."""
    if os.getpid() not in _previewers:
        made = _previewers[os.getpid()] = Previewer()
        atexit.register(made.close)
    return _previewers[os.getpid()]
