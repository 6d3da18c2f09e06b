"""The overview of a workflow: picture, runs, schedules, pool, versions, and who may do what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from workers.pages.badges import PAUSED, Badge
from workers.pages.formats import moment
from workflows import access
from workflows.models import Membership, Role, Schedule, Workflow
from workflows.pages.badges import run_badge
from workflows.pages.picture import picture_of_workflow
from workflows.pages.receipts import receipt_view
from workflows.pages.runs import run_lines
from workflows.pages.upcoming import next_five

_SHOWN = 8
_OFF = Badge("idle", "block", "Off")
_ON = Badge("good", "check_circle", "On")
_MAY = {
    Role.VIEWER: "see it",
    Role.OPERATOR: "run, cancel, pause and resume it",
    Role.EDITOR: "change it and its connections",
    Role.ADMIN: "delete it and say who is in the team",
}


@dataclass(frozen=True, slots=True)
class ScheduleLine:
    """``starts`` = the next ones: in the viewer's zone, and by the schedule's own clock."""

    name: str
    rule: str
    zone: str
    badge: Badge
    starts: tuple[tuple[datetime, str], ...]


#: Workflows with all that their overview and their registration show.
OVERVIEW_ROWS = Workflow.objects.select_related("team", "assignment__pool", "registration__version")


@require_GET
@login_required
def workflow_overview(request: HttpRequest, workflow_id: UUID) -> HttpResponse:
    workflow = get_object_or_404(access.scope(request.user, OVERVIEW_ROWS.all()), pk=workflow_id)
    return render(request, "fragments/workflow_overview.html", overview(workflow, request.user))


def overview(workflow: Workflow, viewer: Any) -> dict[str, Any]:
    runs = list(workflow.runs.select_related("version", "workflow")[:_SHOWN])
    last = next((run for run in runs if run.started_at), None)
    assignment = getattr(workflow, "assignment", None)
    return {
        "workflow": workflow,
        "runs": run_lines(runs),
        "picture": picture_of_workflow(workflow, last.node_runs.all() if last else ()),
        "last_run": last,
        "last_run_badge": run_badge(last.state) if last else None,
        "last_run_at": moment(last.created_at) if last else "",
        "schedules": [_schedule(row, workflow) for row in workflow.schedules.all()],
        "viewer_zone": timezone.get_current_timezone_name(),
        "versions": workflow.versions.select_related("author").defer("definition", "layout")[
            :_SHOWN
        ],
        "may_change": viewer.has_perm("workflows.change_workflow", workflow),
        "receipt": receipt_view(assignment.receipt, assignment.pool.name) if assignment else None,
        **_who(workflow, viewer),
    }


def _schedule(row: Schedule, workflow: Workflow) -> ScheduleLine:
    badge = _ON if row.is_active else _OFF
    starts = next_five(row, timezone.now()) if row.is_active and not workflow.is_paused else []
    zone = ZoneInfo(row.timezone)
    return ScheduleLine(
        name=row.slug,
        rule=row.rule,
        zone=row.timezone,
        badge=PAUSED if row.is_active and workflow.is_paused else badge,
        starts=tuple((at, f"{at.astimezone(zone):%a %d %b %H:%M}") for at in starts),
    )


def _who(workflow: Workflow, viewer: Any) -> dict[str, Any]:
    """Members by role for those who may see them; one's own role for everybody."""
    mine = access.roles_of(viewer).get(workflow.team_id)
    members = access.scope(viewer, Membership.objects.filter(team_id=workflow.team_id))
    names: dict[int, list[str]] = {}
    for member in members.select_related("user").order_by("user__username"):
        names.setdefault(member.role, []).append(str(member.user))
    return {
        "my_role": "superuser" if viewer.is_superuser else Role(mine).label if mine else "",
        "roles": [(role.label, _MAY[role], ", ".join(names.get(role, []))) for role in Role],
        "sees_members": bool(names),
    }
