"""How a workflow's registration stands, and what is to be mended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET
from django_htmx.http import HttpResponseStopPolling

from workers.pages.badges import UNKNOWN, Badge
from workers.pages.formats import moment
from workflows import access
from workflows.models import Registration, RegistrationState, Workflow
from workflows.pages.badges import SEVERITY_BADGES, registration_badge
from workflows.pages.upcoming import next_words

_SETTLED = frozenset(
    {RegistrationState.REGISTERED, RegistrationState.FAILED, RegistrationState.DISABLED}
)


@dataclass(frozen=True, slots=True)
class IssueLine:
    badge: Badge
    node: str
    field: str
    message: str
    code: str


def registration_context(workflow: Workflow) -> dict[str, Any]:
    registration: Registration | None = getattr(workflow, "registration", None)
    state = registration.state if registration else RegistrationState.PENDING
    return {
        "workflow": workflow,
        "registration": registration,
        "registration_badge": registration_badge(workflow),
        "registration_is_settled": state in _SETTLED,
        "issues": issue_lines(registration.issues if registration else []),
        "next_run": next_words(workflow),
        "registered_at": moment(registration.registered_at) if registration else "",
        "next_try_at": moment(registration.next_try_at) if registration else "",
    }


def issue_lines(issues: list[dict[str, Any]]) -> list[IssueLine]:
    return [
        IssueLine(
            badge=SEVERITY_BADGES.get(issue.get("severity", ""), UNKNOWN),
            node=issue.get("node", ""),
            field=issue.get("field", ""),
            message=issue.get("message", ""),
            code=issue.get("code", ""),
        )
        for issue in issues
    ]


@require_GET
@login_required
def registration_status(request: HttpRequest, workflow_id: UUID) -> HttpResponse:
    """State, version, pool and issues; polled until the registration has come to an end."""
    rows = Workflow.objects.select_related("registration__version")
    workflow = get_object_or_404(access.scope(request.user, rows), pk=workflow_id)
    context = registration_context(workflow)
    answer = render(request, "fragments/registration_status.html", context)
    if context["registration_is_settled"]:
        return HttpResponseStopPolling(answer.content)
    return answer
