"""Every error as ``application/problem+json``: type, title, status, detail, code, issues.

``issues`` are findings with node and field, as in the editor.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404
from redis.exceptions import RedisError
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import exception_handler

from engine.errors import ConfigError, ConnectorError, Interrupted, StepFailed
from engine.issue import Issue
from engine.previews.previewer.client import PreviewError
from workers.prefect.gateway import GatewayError, PrefectUnreachable
from workflows.services.editing import DefinitionRejected, StaleVersion
from workflows.services.findings import SettingsRefused
from workflows.services.importing.legacy import AlreadyThere, ImportRefused, NotThereToUpdate
from workflows.services.previewing import NotPreviewable
from workflows.services.running import NotRunnable

log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5

_NOT_RUNNABLE = {
    "pools_full": HTTPStatus.TOO_MANY_REQUESTS,
    "prefect_unreachable": HTTPStatus.SERVICE_UNAVAILABLE,
    "prefect_refused": HTTPStatus.BAD_GATEWAY,
}
_PREVIEW_STATUS = {
    "E_PREVIEWS_BUSY": HTTPStatus.TOO_MANY_REQUESTS,
    "E_PREVIEW_BROKEN": HTTPStatus.UNPROCESSABLE_ENTITY,
    "E_PREVIEW_ID": HTTPStatus.CONFLICT,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, in the words of RFC 9457; ``more`` holds members of its own."""

    status: HTTPStatus
    code: str
    detail: str
    issues: tuple[Issue, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        return {
            "type": f"urn:flowadmin:problem:{self.code}",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            "code": self.code,
            "issues": [issue.model_dump(mode="json") for issue in self.issues],
            **self.more,
        }

    def response(self) -> Response:
        headers = {}
        if self.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return Response(self.body(), status=self.status.value, headers=headers)


class ProblemRenderer(JSONRenderer):
    """Chosen by views for errors only."""

    media_type = "application/problem+json"


class Refused(Exception):
    """Raised by views for what is wrong with a request as a whole."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def problem_response(error: Exception, context: Mapping[str, Any]) -> Response:
    """The answer to any exception that a view lets out."""
    known = _known(error)
    if known is not None:
        response = known.response()
    elif isinstance(error, exceptions.APIException | Http404 | PermissionDenied):
        response = _framework(error, context)
    else:
        log.exception("unexpected error at %s", getattr(context.get("request"), "path", "?"))
        detail = "an unexpected error; it was logged, tell an administrator when it happened"
        response = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", detail).response()
    response.content_type = ProblemRenderer.media_type
    return response


def _known(error: Exception) -> Problem | None:
    match error:
        case Refused():
            return error.problem
        case DefinitionRejected(problems=issues):
            return _refusal("definition_rejected", "the definition cannot be stored", issues)
        case ImportRefused(issues=issues):
            return _refusal(issues[0].code, "the payload cannot be imported", issues)
        case StaleVersion():
            return _stale(error)
        case AlreadyThere():
            return Problem(HTTPStatus.CONFLICT, "already_there", str(error))
        case NotThereToUpdate():
            return Problem(HTTPStatus.NOT_FOUND, "not_found", str(error))
        case NotRunnable():
            status = _NOT_RUNNABLE.get(error.code, HTTPStatus.BAD_REQUEST)
            return Problem(status, error.code, error.reason)
        case NotPreviewable(issues=issues):
            return _refusal("not_previewable", "the node cannot be previewed", issues)
        case StepFailed():
            return _failure(error)
        case PreviewError():
            return Problem(_PREVIEW_STATUS[error.code], error.code, str(error))
        case Interrupted():
            return Problem(HTTPStatus.CONFLICT, error.code, error.message)
        case SettingsRefused(issues=issues):
            return Problem(HTTPStatus.BAD_REQUEST, error.code, error.message, issues)
        case ConfigError():
            return Problem(HTTPStatus.BAD_REQUEST, error.code, error.message)
        case ConnectorError():
            return Problem(HTTPStatus.BAD_GATEWAY, error.code, error.message)
        case PrefectUnreachable():
            return _away("prefect_unreachable", f"Prefect does not answer: {error}")
        case GatewayError():
            return Problem(HTTPStatus.BAD_GATEWAY, "prefect_refused", str(error))
        case RequestDataTooBig():
            limit = f"{settings.DATA_UPLOAD_MAX_MEMORY_SIZE:,}"
            detail = f"the body is larger than {limit} bytes; send less"
            return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", detail)
        case OperationalError() | InterfaceError():
            log.warning("the database does not answer: %s", error)
            return _away("database_unreachable", "the database does not answer; try again soon")
        case RedisError():
            log.warning("Redis does not answer: %s", error)
            return _away("redis_unreachable", "Redis does not answer; try again soon")
    return None


def _refusal(code: str, what: str, issues: list[Issue]) -> Problem:
    more = f" (and {len(issues) - 1} more)" if len(issues) > 1 else ""
    return Problem(HTTPStatus.BAD_REQUEST, code, f"{what}: {issues[0]}{more}", tuple(issues))


def _failure(error: StepFailed) -> Problem:
    """What a node did wrong when it was tried."""
    issue = Issue(code=error.code, message=error.message, node=error.step)
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, error.code, str(error), (issue,))


def _stale(error: StaleVersion) -> Problem:
    current = error.current
    detail = (
        f"somebody saved version {current.number} in between; "
        "merge your change into it and send that version's number"
    )
    more = {
        "current": {
            "version": current.number,
            "definition": current.definition,
            "layout": current.layout,
            "author": str(current.author) if current.author else None,
            "created_at": current.created_at,
        }
    }
    return Problem(HTTPStatus.CONFLICT, "stale_version", detail, more=more)


def _away(code: str, detail: str) -> Problem:
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, code, detail)


def _framework(error: Exception, context: Mapping[str, Any]) -> Response:
    """Django's and REST framework's own errors, with the headers they come with."""
    response = exception_handler(error, dict(context))
    assert response is not None
    status = HTTPStatus(response.status_code)
    issues = tuple(_issues(error.detail)) if isinstance(error, exceptions.ValidationError) else ()
    problem = Problem(status, _code(error, status), _detail(error, status, issues), issues)
    response.data = problem.body()
    return response


def _code(error: Exception, status: HTTPStatus) -> str:
    if isinstance(error, exceptions.ValidationError):
        return "invalid"
    if isinstance(error, exceptions.APIException):
        return str(error.default_code)
    return "not_found" if status is HTTPStatus.NOT_FOUND else "permission_denied"


def _detail(error: Exception, status: HTTPStatus, issues: tuple[Issue, ...]) -> str:
    if issues:
        return "; ".join(f"'{issue.field}': {issue.message}" for issue in issues[:5])
    if isinstance(error, Http404) or status is HTTPStatus.NOT_FOUND:
        # The same words whether it does not exist or belongs to another team.
        return "there is no such object"
    detail = getattr(error, "detail", None)
    return str(detail if detail is not None else error) or status.phrase


def _issues(detail: Any, path: str = "") -> Iterator[Issue]:
    """A finding per message in the nested lists and dicts of a ValidationError."""
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            part = "" if key == "non_field_errors" else str(key)
            yield from _issues(inner, ".".join(filter(None, (path, part))))
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            is_leaf = not isinstance(inner, Mapping | list)
            yield from _issues(inner, path if is_leaf else f"{path}.{index}".strip("."))
    else:
        yield Issue(code="invalid", message=str(detail), field=path)
