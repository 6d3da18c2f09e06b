"""Where in the code a run failed, as its log has it."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from engine.stack import HEADING
from workflows import access
from workflows.models import LogLine, Run
from workflows.services import log_mirror

#: What Prefect itself writes, where the flow could not.
_HEADINGS = (HEADING, "Traceback (most recent call last):")


@require_GET
@login_required
def run_stack(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """``?node=`` names the node that failed; without it the run as a whole did."""
    run = get_object_or_404(access.scope(request.user, Run.objects.all()), pk=run_id)
    run_log = log_mirror.want(run)
    node = request.GET.get("node", "").replace("\x00", "")
    context = {"stack": stack(run, node), "is_complete": run_log.is_complete}
    return render(request, "fragments/run_stack.html", context)


def stack(run: Run, node: str) -> str:
    """The lines of the latest, without its heading; empty when there is none."""
    rows = LogLine.objects.filter(run=run, node_key=node).order_by("-id")
    heading = rows.filter(text__in=_HEADINGS).first()
    if heading is None:
        return ""
    message = LogLine.objects.filter(source_id=heading.source_id, part__gt=heading.part)
    return "\n".join(message.order_by("part").values_list("text", flat=True))
