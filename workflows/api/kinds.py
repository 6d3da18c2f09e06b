"""What nodes can do: the palette."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from engine.kind import AnyKind
from engine.registry import kinds
from workflows.access import require
from workflows.api.answers import Answer
from workflows.api.views import ApiView


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
