"""Payloads of the existing system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from workflows.access import require
from workflows.api.answers import Answer
from workflows.api.fields import IssuesField, StrictSerializer
from workflows.api.views import ApiView, validated
from workflows.services.importing.legacy import Imported, Mode, import_payload
from workflows.services.predicting import pool_by_rule


class ImportBody(StrictSerializer):
    """The payload's own keys may also stand beside the arguments, without ``payload``."""

    payload = serializers.DictField(help_text="What `addWorkflow` was called with.")
    schedule = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        allow_null=True,
        help_text="`cron:<five fields>` or `interval:<minutes>`.",
    )
    timezone = serializers.CharField(required=False, default="UTC")
    mode = serializers.ChoiceField(
        [mode.value for mode in Mode],
        required=False,
        default=Mode.CREATE.value,
        help_text="What to do about a workflow_id that exists.",
    )
    preferred_pool = serializers.CharField(
        required=False, default="", allow_blank=True, allow_null=True
    )
    connections = serializers.DictField(
        child=serializers.CharField(),
        required=False,
        default=dict,
        help_text="connector_id or database name → slug of a connection.",
    )
    team = serializers.SlugField(required=False, default="", allow_blank=True)


_ARGUMENTS = frozenset(ImportBody().fields) - {"payload"}


class ImportAnswer(Answer):
    status = serializers.CharField()
    workflow_id = serializers.UUIDField()
    deployment_id = serializers.CharField(
        allow_null=True, help_text="Null until it is registered, in a moment."
    )
    deployment_name = serializers.CharField()
    flow_name = serializers.CharField()
    schedule = serializers.CharField(allow_null=True)
    node_count = serializers.IntegerField()
    execution_levels = serializers.IntegerField()
    pool = serializers.CharField()
    message = serializers.CharField()
    warnings = IssuesField()


class Import(ApiView):
    @extend_schema(
        operation_id="workflows_import",
        request=ImportBody,
        responses={201: ImportAnswer, 200: ImportAnswer},
        parameters=[OpenApiParameter("mode", str, enum=[mode.value for mode in Mode])],
    )
    def post(self, request: Request) -> Response:
        """Import an `addWorkflow` payload: all problems together, or a workflow."""
        body = self._arguments()
        mode = Mode(body["mode"])
        team = self.team(body["team"], "add_workflow")
        if mode is Mode.UPDATE:
            require(request.user, "workflows.change_workflow", team)
        imported = import_payload(
            body["payload"],
            team=team,
            mode=mode,
            schedule=body["schedule"] or "",
            timezone=body["timezone"],
            preferred_pool=body["preferred_pool"] or "",
            connections=body["connections"],
            author=self.author(),
        )
        code = status.HTTP_200_OK if mode is Mode.UPDATE else status.HTTP_201_CREATED
        return Response(ImportAnswer(_answer(imported)).data, status=code)

    def _arguments(self) -> dict[str, Any]:
        """The arguments, be the payload wrapped or not; the query string wins."""
        body = self.request.data
        if isinstance(body, Mapping) and "payload" not in body:
            payload = {key: value for key, value in body.items() if key not in _ARGUMENTS}
            body = {key: body[key] for key in body if key in _ARGUMENTS} | {"payload": payload}
        if isinstance(body, Mapping):
            body = {**body, **self.request.query_params.dict()}
        return validated(ImportBody, body)


def _answer(imported: Imported) -> dict[str, Any]:
    workflow = imported.workflow
    short = f"{workflow.name}_{str(workflow.pk)[:8]}"
    registration = workflow.registration
    return {
        "status": "success",
        "workflow_id": workflow.pk,
        "deployment_id": str(registration.deployment_id) if registration.deployment_id else None,
        "deployment_name": short,
        "flow_name": f"workflow_{short}",
        "schedule": imported.schedule or None,
        "node_count": len(imported.graph.nodes),
        "execution_levels": len(imported.graph.levels),
        "pool": pool_by_rule(workflow),
        "message": f"workflow '{workflow.name}' was imported and will be registered in a moment",
        "warnings": imported.warnings,
    }
