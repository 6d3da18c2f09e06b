"""Where the values of a column come from, and where they go."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from workflows.api.answers import Answer
from workflows.api.fields import StrictSerializer
from workflows.api.views import ApiView
from workflows.services.lineage import MAX_COLUMNS, follow

_DIRECTIONS = ("feeds_it", "it_feeds")


class LineageQuery(StrictSerializer):
    node = serializers.CharField()
    column = serializers.CharField()
    direction = serializers.ChoiceField(_DIRECTIONS, required=False, default="feeds_it")


class PlaceAnswer(Answer):
    workflow_id = serializers.UUIDField(source="workflow")
    node = serializers.CharField()
    column = serializers.CharField()


class FoundAnswer(Answer):
    workflow_id = serializers.UUIDField(source="place.workflow")
    workflow = serializers.CharField()
    node = serializers.CharField(source="place.node")
    column = serializers.CharField(source="place.column")
    table = serializers.CharField(help_text="That the node reads or writes; else empty.")
    distance = serializers.IntegerField(help_text="Steps from the column asked about.")
    via = PlaceAnswer(help_text="The column one step nearer to it.")


class LineageAnswer(Answer):
    is_traced = serializers.BooleanField(
        help_text="False while the latest version is looked at: ask again in a moment."
    )
    is_cut = serializers.BooleanField(help_text=f"There are more than {MAX_COLUMNS:,}.")
    columns = FoundAnswer(many=True, source="found", help_text="The nearest first.")


class LineageView(ApiView):
    @extend_schema(
        operation_id="workflows_lineage",
        responses=LineageAnswer,
        parameters=[
            OpenApiParameter("node", str, required=True),
            OpenApiParameter("column", str, required=True),
            OpenApiParameter("direction", str, enum=_DIRECTIONS),
        ],
    )
    def get(self, request: Request, workflow_id: UUID) -> Response:
        """What a column is made of (`feeds_it`), or what is made of it (`it_feeds`).

        The way goes on through tables into other workflows of the team.
        """
        workflow = self.workflow(workflow_id, "view_workflow")
        query = self.query(LineageQuery)
        answer = follow(workflow, query["node"], query["column"], query["direction"])
        return Response(LineageAnswer(answer).data)
