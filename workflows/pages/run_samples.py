"""Some rows of a node, where its run kept them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from workers.prefect.gateway import GatewayError
from workflows import access
from workflows.models import Run
from workflows.services import samples


@require_GET
@login_required
def run_sample(request: HttpRequest, run_id: UUID, node_key: str) -> HttpResponse:
    run = get_object_or_404(access.scope(request.user, Run.objects.all()), pk=run_id)
    row = run.node_runs.filter(node_key=node_key).first()
    context: dict[str, Any] = {"node": (row.node_name if row else "") or node_key}
    try:
        context |= {"sample": samples.read(run, node_key)}
    except GatewayError as error:
        context |= {"problem": f"the rows cannot be read now: {error}"}
    return render(request, "fragments/run_sample.html", context)
