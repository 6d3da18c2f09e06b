"""Leave to follow a run's log by the stream that pages have."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from workflows.access import ServicePrincipal, require, scope
from workflows.api.views import ApiView
from workflows.models import Run
from workflows.services import log_mirror
from workflows.streams.asgi import PATH
from workflows.streams.ticket import VALID_SECONDS, mint, mint_for_token


class StreamAnswer(serializers.Serializer):
    address = serializers.CharField(help_text="Of the stream, on this server.")
    valid_seconds = serializers.IntegerField(help_text="Connect within; later ask for another.")


class RunStream(ApiView):
    @extend_schema(
        operation_id="runs_stream", request=None, responses={status.HTTP_201_CREATED: StreamAnswer}
    )
    def post(self, request: Request, run_id: UUID) -> Response:
        """A ticket for the events of the run's log; to be opened with the same login."""
        run = get_object_or_404(scope(request.user, Run.objects.all()), pk=run_id)
        require(request.user, "workflows.view_run", run)
        log_mirror.want(run)
        query = urlencode({"ticket": _ticket(request, [f"run-log:{run.pk}"])})
        answer = {"address": f"{PATH}?{query}", "valid_seconds": VALID_SECONDS}
        return Response(StreamAnswer(answer).data, status=status.HTTP_201_CREATED)


def _ticket(request: Request, topics: list[str]) -> str:
    if isinstance(request.user, ServicePrincipal):
        return mint_for_token(request.user.token, topics)
    return mint(request.user, request.session.session_key or "", topics)
