"""Previews: rows at a node, and what a target would do with them; nothing is written."""

from __future__ import annotations

import uuid
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from engine.samples.sample import Extent
from workflows.api.answers import Answer, ColumnAnswer, SampleAnswer
from workflows.api.fields import DefinitionField, StrictSerializer
from workflows.api.leaving import has_left
from workflows.api.views import ApiView
from workflows.definition import Definition
from workflows.models import Workflow
from workflows.services import previewing
from workflows.services.editing import definition_of
from workflows.services.previewing import Question


class _PreviewBody(StrictSerializer):
    node = serializers.CharField(max_length=100, help_text="Key of the node to look at.")
    rows = serializers.IntegerField(
        required=False, default=50, min_value=1, max_value=500, help_text="Rows to show."
    )
    source_rows = serializers.IntegerField(
        required=False,
        default=1_000,
        min_value=1,
        max_value=100_000,
        help_text="Rows that each source reads at most.",
    )
    seconds = serializers.FloatField(
        required=False, default=10, min_value=0.5, max_value=60, help_text="Time it may take."
    )
    parameters = serializers.DictField(
        required=False, help_text="Values for the workflow's parameters, by name."
    )
    id = serializers.UUIDField(required=False, help_text="By which it can be canceled.")


class WorkflowPreviewBody(_PreviewBody):
    definition = DefinitionField(required=False, help_text="Instead of the saved one.")


class DefinitionPreviewBody(_PreviewBody):
    definition = DefinitionField()
    team = serializers.SlugField(required=False, default="")


class AssignmentAnswer(Answer):
    column = serializers.CharField(help_text="The column that arrives.")
    type = serializers.CharField()
    target = serializers.CharField(help_text="The table's column that it is written to.")
    target_type = serializers.CharField()
    unfit = serializers.IntegerField(
        help_text="Sampled rows whose value the target column cannot take."
    )


class FileChangeAnswer(Answer):
    path = serializers.CharField(help_text="In new names, * stands for what each load has anew.")
    fate = serializers.ChoiceField(["created", "replaced", "removed", "blocks"])
    bytes = serializers.IntegerField(allow_null=True, help_text="Of a file that is there.")


class WritePlanAnswer(Answer):
    """What the target would do with the sampled rows; null where that cannot be told."""

    table = serializers.CharField()
    mode = serializers.CharField()
    keys = serializers.ListField(child=serializers.CharField())
    columns = AssignmentAnswer(many=True)
    unfilled = serializers.ListField(
        child=serializers.CharField(), help_text="Target columns that get their default, or NULL."
    )
    creates = ColumnAnswer(many=True, help_text="Of a table that would be made; else empty.")
    insert = serializers.IntegerField(allow_null=True)
    update = serializers.IntegerField(allow_null=True)  # type: ignore[assignment]
    delete = serializers.IntegerField(
        allow_null=True, help_text="Of the sampled keys; mode replace: of the whole table."
    )
    deletes_more = serializers.BooleanField(help_text="Counting stopped: at least that many.")
    doubled = serializers.IntegerField(
        help_text="Sampled rows whose key came before; with any, an upsert fails."
    )
    known_keys = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField(allow_null=True)),
        help_text="The first sampled keys that the table has already.",
    )
    files = FileChangeAnswer(many=True, help_text="Of a target that writes files; else empty.")
    file_count = serializers.IntegerField(help_text="Of these, with those that are not shown.")


class PreviewAnswer(SampleAnswer):
    id = serializers.UUIDField()
    node = serializers.CharField()
    rows_by_node = serializers.DictField(
        child=serializers.IntegerField(allow_null=True),
        help_text="Rows that left each node, of those that were read.",
    )
    warnings = serializers.ListField(child=serializers.CharField())
    write = WritePlanAnswer(allow_null=True, help_text="Of a target only.")


class WorkflowPreview(ApiView):
    @extend_schema(
        operation_id="workflows_preview", request=WorkflowPreviewBody, responses=PreviewAnswer
    )
    def post(self, request: Request, workflow_id: UUID) -> Response:
        """Rows at a node, from the first rows of its sources; targets are only looked at.

        With a definition of its own it needs the right to change the workflow.
        """
        workflow = self.workflow(workflow_id, "preview_workflow")
        body = self.read(WorkflowPreviewBody)
        if "definition" in body:
            self.workflow(workflow_id, "change_workflow")
        definition = body.get("definition") or definition_of(workflow)
        return _answer(request, workflow, definition, body)


class DefinitionPreview(ApiView):
    @extend_schema(operation_id="preview", request=DefinitionPreviewBody, responses=PreviewAnswer)
    def post(self, request: Request) -> Response:
        """The same for a definition that belongs to no workflow."""
        body = self.read(DefinitionPreviewBody)
        team = self.team(body["team"], "add_workflow")
        definition = body["definition"]
        return _answer(request, Workflow(team=team, name=definition.name), definition, body)


class OnePreview(ApiView):
    @extend_schema(operation_id="previews_cancel", responses={204: None})
    def delete(self, request: Request, preview_id: UUID) -> Response:
        """Cancel a preview of one's own that is on its way."""
        if not previewing.cancel(preview_id, _owner(request)):
            raise NotFound
        return Response(status=status.HTTP_204_NO_CONTENT)


def _answer(
    request: Request, workflow: Workflow, definition: Definition, body: dict[str, Any]
) -> Response:
    question = Question(
        definition=definition,
        node=body["node"],
        owner=_owner(request),
        extent=Extent(body["rows"], body["source_rows"], body["seconds"]),
        parameters=body.get("parameters", {}),
        id=body.get("id") or uuid.uuid4(),
    )
    found = previewing.preview(workflow, question, is_wanted=lambda: not has_left(request))
    return Response(PreviewAnswer(found).data)


def _owner(request: Request) -> str:
    return f"user {request.user.pk}" if request.user.pk else f"token {request.auth.pk}"
