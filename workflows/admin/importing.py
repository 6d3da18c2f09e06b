"""The page that imports a payload of the existing system: all of it, or nothing and why."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from engine.issue import Issue
from workflows.access import require
from workflows.admin.base import TeamScopedAdmin, signed_in
from workflows.admin.import_form import ImportForm
from workflows.services.importing.legacy import (
    AlreadyThere,
    Imported,
    ImportRefused,
    Mode,
    NotThereToUpdate,
    import_payload,
)


def import_page(admin: TeamScopedAdmin, request: HttpRequest) -> HttpResponse:
    """Ask for a payload; once it is imported, go to the workflow."""
    teams = admin.teams_to_give(request)
    form = ImportForm(request.POST or None, request.FILES or None, teams=teams)
    issues: list[Issue] = []
    if form.is_valid():
        try:
            return _tell(request, _imported(request, form))
        except ImportRefused as refused:
            issues = refused.issues
            form.ask_for_connections(issues)
        except (AlreadyThere, NotThereToUpdate) as error:
            form.add_error("mode", str(error))
    context = {
        **admin.admin_site.each_context(request),
        "title": "Import a workflow",
        "form": form,
        "issues": issues,
    }
    return render(request, "admin/workflows/workflow/import.html", context)


def _imported(request: HttpRequest, form: ImportForm) -> Imported:
    given: dict[str, Any] = form.cleaned_data
    mode = Mode(given["mode"])
    if mode is Mode.UPDATE:
        require(request.user, "workflows.change_workflow", given["team"])
    return import_payload(
        given["parsed"],
        team=given["team"],
        mode=mode,
        schedule=given["schedule"],
        timezone=given["timezone"],
        connections=form.connections,
        author=signed_in(request),
    )


def _tell(request: HttpRequest, imported: Imported) -> HttpResponse:
    messages.success(request, f"{imported.workflow} was imported. Registering…")
    for warning in imported.warnings:
        messages.warning(request, str(warning))
    page = reverse("admin:workflows_workflow_change", args=[imported.workflow.pk])
    return HttpResponseRedirect(page)
