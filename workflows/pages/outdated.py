"""What retention would let go now, beside the page of policies: counting takes a while."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from workflows import access
from workflows.services.retaining.outdated import outdated, prefect_tables

_SEES = "workflows.view_retentionpolicy"


@require_GET
@login_required
def retention_outdated(request: HttpRequest) -> HttpResponse:
    """By team: of all for a superuser, else of the teams that the user administers."""
    access.require(request.user, _SEES)
    is_everybodys = request.user.is_superuser
    teams = None if is_everybodys else access.teams_where(request.user, _SEES)
    found: dict[str, Any] = {"outdated": outdated(teams)}
    if is_everybodys:
        found["prefect"] = prefect_tables()
    return render(request, "fragments/outdated.html", found)
