"""How a workflow's registration stands, and what is to be mended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workers.pages.badges import UNKNOWN, Badge
from workers.pages.formats import moment
from workflows.models import Registration, Workflow
from workflows.pages.badges import SEVERITY_BADGES, registration_badge
from workflows.pages.upcoming import next_words


@dataclass(frozen=True, slots=True)
class IssueLine:
    badge: Badge
    node: str
    field: str
    message: str
    code: str


def registration_context(workflow: Workflow) -> dict[str, Any]:
    registration: Registration | None = getattr(workflow, "registration", None)
    return {
        "workflow": workflow,
        "registration": registration,
        "registration_badge": registration_badge(workflow),
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
