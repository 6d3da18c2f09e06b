"""What nodes can do: the palette."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from engine.kind import AnyKind
from engine.registry import kinds
from engine.schema import Schema
from engine.trying import try_node
from workflows.access import require
from workflows.api.answers import Answer, ColumnAnswer, PortsAnswer
from workflows.api.fields import IssuesField, StrictSerializer
from workflows.api.views import ApiView

#: ``DECIMAL(12,2)``, ``TIMESTAMP WITH TIME ZONE``, ``INTEGER[]``.
_TYPE = r"^[A-Za-z_][A-Za-z0-9_ ]*(\(\d+(, ?\d+)?\))?(\[\])*$"


class KindAnswer(Answer):
    slug = serializers.CharField()
    version = serializers.IntegerField()
    label = serializers.CharField()  # type: ignore[assignment]
    group = serializers.CharField()
    icon = serializers.CharField()
    role = serializers.ChoiceField(["source", "transform", "target"])
    description = serializers.SerializerMethodField()
    inputs = serializers.ListField(child=serializers.CharField(), help_text="Input ports.")
    outputs = serializers.ListField(child=serializers.CharField(), help_text="Output ports.")
    config_schema = serializers.SerializerMethodField(help_text="JSON Schema of its config.")
    example = serializers.DictField(help_text="A config that validates.")

    def get_description(self, kind: AnyKind) -> str:
        return (type(kind).__doc__ or "").strip().partition("\n")[0]

    def get_config_schema(self, kind: AnyKind) -> dict[str, Any]:
        schema: dict[str, Any] = kind.Config.model_json_schema()
        return schema


class Kinds(ApiView):
    @extend_schema(operation_id="kinds_list", responses=KindAnswer(many=True))
    def get(self, request: Request) -> Response:
        """Every kind of node, with ports, JSON Schema of its config, and an example."""
        require(request.user, "workflows.view_workflow")
        ordered = sorted(kinds().values(), key=lambda kind: (kind.group, kind.label))
        return Response(KindAnswer(ordered, many=True).data)


class ColumnBody(StrictSerializer):
    name = serializers.CharField(max_length=200, trim_whitespace=False)
    type = serializers.RegexField(_TYPE, max_length=80, help_text="In DuckDB's words.")


class TryBody(StrictSerializer):
    config = serializers.DictField(help_text="Settings, which need not pass.")
    inputs = serializers.DictField(
        child=ColumnBody(many=True), required=False, help_text="Port → the columns that arrive."
    )
    parameters = serializers.DictField(required=False)


class TriedAnswer(PortsAnswer):
    columns = ColumnAnswer(many=True, allow_null=True, help_text="What leaves it; null = unknown.")
    issues = IssuesField()


class KindPorts(ApiView):
    @extend_schema(operation_id="kinds_ports", request=TryBody, responses=TriedAnswer)
    def post(self, request: Request, slug: str) -> Response:
        """Ports of a node with these settings, and what it makes of given columns."""
        require(request.user, "workflows.view_workflow")
        if slug not in kinds():
            raise NotFound
        body = self.read(TryBody)
        inputs = {
            port: Schema.of((column["name"], column["type"]) for column in columns)
            for port, columns in body.get("inputs", {}).items()
        }
        tried = try_node(kinds()[slug], body["config"], inputs, body.get("parameters", {}))
        columns = tried.schema.as_json() if tried.schema else None
        found = {"inputs": tried.inputs, "outputs": tried.outputs, "columns": columns}
        return Response(TriedAnswer({**found, "issues": tried.issues}).data)
