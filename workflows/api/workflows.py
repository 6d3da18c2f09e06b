"""Workflows: list, create, read, replace, delete, validate."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from engine.issue import Issue
from workflows.access import scope
from workflows.api.answers import ValidationAnswer, WorkflowAnswer, WorkflowSummary
from workflows.api.fields import DefinitionField, StrictSerializer
from workflows.api.pagination import PAGE, PageQuery
from workflows.api.views import ApiView
from workflows.models import RegistrationState, Workflow, WorkflowVersion
from workflows.services.checking import check
from workflows.services.deploying import compile_now
from workflows.services.editing import definition_of, save_definition


class PointBody(StrictSerializer):
    x = serializers.FloatField()
    y = serializers.FloatField()


class WorkflowBody(StrictSerializer):
    definition = DefinitionField()
    layout = serializers.DictField(
        child=PointBody(), required=False, help_text="Node → where it stands on the canvas."
    )
    message = serializers.CharField(required=False, default="", max_length=200, allow_blank=True)
    team = serializers.SlugField(
        required=False, default="", help_text="Needed where several teams may be meant."
    )


class ReplacingBody(StrictSerializer):
    definition = DefinitionField()
    layout = serializers.DictField(child=PointBody(), required=False)
    message = serializers.CharField(required=False, default="", max_length=200, allow_blank=True)
    version = serializers.IntegerField(
        min_value=1, help_text="The version this change started from."
    )


class ValidationBody(StrictSerializer):
    definition = DefinitionField()
    team = serializers.SlugField(required=False, default="")


class ListQuery(PageQuery):
    search = serializers.CharField(required=False, default="", help_text="Part of the name.")
    state = serializers.ChoiceField(RegistrationState.choices, required=False)
    pool = serializers.SlugField(required=False)


class Workflows(ApiView):
    @extend_schema(
        operation_id="workflows_list",
        responses=WorkflowSummary(many=True),
        parameters=[
            OpenApiParameter("search", str, description="Part of the name."),
            OpenApiParameter("state", str, enum=RegistrationState.values),
            OpenApiParameter("pool", str),
            *PAGE,
        ],
    )
    def get(self, request: Request) -> Response:
        """List workflows, the newest first."""
        return self.paged(self._listed(), WorkflowSummary)

    @extend_schema(
        operation_id="workflows_create",
        request=WorkflowBody,
        responses={201: WorkflowAnswer},
    )
    def post(self, request: Request) -> Response:
        """Create a workflow. Findings do not refuse it: they are in the answer."""
        body = self.read(WorkflowBody)
        workflow = save_definition(
            team=self.team(body["team"], "add_workflow"),
            definition=body["definition"],
            layout=body.get("layout"),
            author=self.author(),
            message=body["message"],
        )
        return answer(self.workflow(workflow.pk, "view_workflow"), request, is_new=True)

    def _listed(self) -> QuerySet[Workflow]:
        query = self.query(ListQuery)
        latest = WorkflowVersion.objects.filter(workflow=OuterRef("pk")).order_by("-number")
        filters = Q(name__icontains=query["search"])
        if "state" in query:
            filters &= Q(registration__state=query["state"])
        if "pool" in query:
            filters &= Q(registration__pool=query["pool"])
        queryset = Workflow.objects.filter(filters).select_related("team", "registration")
        number = Subquery(latest.values("number")[:1])
        return scope(self.request.user, queryset.annotate(latest_number=number))


class OneWorkflow(ApiView):
    @extend_schema(operation_id="workflows_read", responses=WorkflowAnswer)
    def get(self, request: Request, workflow_id: UUID) -> Response:
        """A workflow with its definition and how its registration stands."""
        workflow = self.workflow(workflow_id, "view_workflow")
        return Response(WorkflowAnswer(workflow, context={"request": request}).data)

    @extend_schema(
        operation_id="workflows_replace", request=ReplacingBody, responses=WorkflowAnswer
    )
    def put(self, request: Request, workflow_id: UUID) -> Response:
        """Replace the definition; 409 with the current version if it changed meanwhile."""
        workflow = self.workflow(workflow_id, "change_workflow")
        body = self.read(ReplacingBody)
        save_definition(
            team=workflow.team,
            workflow=workflow,
            definition=body["definition"],
            layout=body.get("layout"),
            author=self.author(),
            message=body["message"],
            expected_version=body["version"],
        )
        return answer(self.workflow(workflow_id, "view_workflow"), request)

    @extend_schema(operation_id="workflows_delete", responses={204: None})
    def delete(self, request: Request, workflow_id: UUID) -> Response:
        """Delete the workflow, its history and, soon after, its deployment."""
        self.workflow(workflow_id, "delete_workflow").delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


class Validate(ApiView):
    @extend_schema(
        operation_id="workflows_validate", request=ValidationBody, responses=ValidationAnswer
    )
    def post(self, request: Request) -> Response:
        """Check a definition that is not saved: findings, and the columns at each node."""
        body = self.read(ValidationBody)
        team = self.team(body["team"], "add_workflow")
        definition = body["definition"]
        checked = check(Workflow(team=team, name=definition.name), definition)
        return Response(ValidationAnswer(checked).data)


class CheckBody(StrictSerializer):
    definition = DefinitionField(required=False, help_text="Instead of the saved one.")


class Check(ApiView):
    @extend_schema(operation_id="workflows_check", request=CheckBody, responses=ValidationAnswer)
    def post(self, request: Request, workflow_id: UUID) -> Response:
        """Findings, ports and columns at each node; with a definition of its own, for editors."""
        workflow = self.workflow(workflow_id, "view_workflow")
        body = self.read(CheckBody)
        if "definition" in body:
            self.workflow(workflow_id, "change_workflow")
        definition = body.get("definition") or definition_of(workflow)
        return Response(ValidationAnswer(check(workflow, definition)).data)


def answer(workflow: Workflow, request: Request, *, is_new: bool = False) -> Response:
    """A workflow that was just saved, with the findings of compiling it now."""
    context: dict[str, Any] = {"request": request, "issues": _issues_now(workflow)}
    code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
    body = WorkflowAnswer(workflow, context=context).data
    return Response(body, status=code, headers={"Location": body["links"]["self"]})


def _issues_now(workflow: Workflow) -> list[Issue]:
    return list(compile_now(workflow, definition_of(workflow), 1).issues)
