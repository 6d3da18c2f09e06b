"""Run, pause, resume, register, undeploy; and how a workflow stands."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from workflows.api.answers import (
    DoneAnswer,
    StartedAnswer,
    StatusAnswer,
    UndeployedAnswer,
)
from workflows.api.fields import StrictSerializer
from workflows.api.views import ApiView
from workflows.models import Registration, Run, Trigger, Workflow
from workflows.services import running
from workflows.services.enabling import disable, enable

IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Equal keys start one run, however often they are sent.",
)


class ExecuteBody(StrictSerializer):
    workflow_id = serializers.UUIDField()
    parameters = serializers.DictField(
        required=False, help_text="Values for the workflow's parameters, by name."
    )


class Execute(ApiView):
    @extend_schema(
        operation_id="workflows_execute",
        request=ExecuteBody,
        responses=StartedAnswer,
        parameters=[IDEMPOTENCY],
    )
    def post(self, request: Request) -> Response:
        """Start a run of the registered version."""
        body = self.read(ExecuteBody)
        workflow = self.workflow(body["workflow_id"], "run_workflow")
        run = running.run_now(
            workflow=workflow,
            user=self.author(),
            trigger=Trigger.API,
            parameters=body.get("parameters"),
            idempotency_key=request.headers.get("Idempotency-Key", ""),
        )
        return Response(StartedAnswer(started(run)).data)


def started(run: Run) -> dict[str, Any]:
    """What is told of a run that was just started."""
    return {
        "status": "success",
        "flow_run_id": run.pk,
        "workflow_id": run.workflow_id,
        "deployment_name": f"wf-{run.workflow_id}@{run.pool}",
        "work_pool": run.pool,
        "message": f"run {run.pk} was handed to {run.pool}",
    }


class Status(ApiView):
    @extend_schema(operation_id="workflows_status", responses=StatusAnswer)
    def get(self, request: Request, workflow_id: UUID) -> Response:
        """The deployment, its schedule, and the ten latest runs."""
        workflow = self.workflow(workflow_id, "view_workflow")
        return Response(StatusAnswer(_status(workflow), context={"request": request}).data)


def _status(workflow: Workflow) -> dict[str, Any]:
    registration = workflow.registration
    base = {
        "workflow_id": workflow.pk,
        "workflow_name": workflow.name,
        "registration": registration,
        "recent_runs": [],
        "deployment_info": None,
    }
    if registration.deployment_id is None:
        is_failed = registration.state == "failed"
        return {**base, "prefect_status": "failed" if is_failed else "not_deployed"}
    runs = workflow.runs.select_related("version")
    return {
        **base,
        "prefect_status": "deployed",
        "deployment_info": _deployment(workflow, registration),
        "recent_runs": runs[:10],
        "total_runs": runs.count(),
    }


def _deployment(workflow: Workflow, registration: Registration) -> dict[str, Any]:
    schedules = list(workflow.schedules.all())
    return {
        "deployment_id": registration.deployment_id,
        "deployment_name": registration.deployment_name,
        "is_schedule_active": not workflow.is_paused and any(s.is_active for s in schedules),
        "schedule": "; ".join(f"{schedule.rule} ({schedule.timezone})" for schedule in schedules),
        "tags": ["flowadmin", f"workflow:{workflow.pk}"],
    }


class Pause(ApiView):
    @extend_schema(operation_id="workflows_pause", request=None, responses=DoneAnswer)
    def post(self, request: Request, workflow_id: UUID) -> Response:
        """Keep schedules from firing; runs by hand stay possible."""
        workflow = self.workflow(workflow_id, "pause_workflow")
        running.pause(workflow)
        return _done(workflow, "paused: its schedules do not fire")


class Resume(ApiView):
    @extend_schema(operation_id="workflows_resume", request=None, responses=DoneAnswer)
    def post(self, request: Request, workflow_id: UUID) -> Response:
        """Let schedules fire again; what was missed is not caught up."""
        workflow = self.workflow(workflow_id, "pause_workflow")
        running.resume(workflow)
        return _done(workflow, "resumed: its schedules fire again")


class Register(ApiView):
    @extend_schema(operation_id="workflows_register", request=None, responses={202: DoneAnswer})
    def post(self, request: Request, workflow_id: UUID) -> Response:
        """Send the deployment again, and enable the workflow if it was disabled."""
        workflow = self.workflow(workflow_id, "register_workflow")
        enable(workflow)
        return _done(workflow, "will be registered in a moment", status.HTTP_202_ACCEPTED)


class DeploymentQuery(StrictSerializer):
    delete_runs = serializers.BooleanField(required=False, default=False)


class Deployment(ApiView):
    @extend_schema(
        operation_id="workflows_undeploy",
        responses=UndeployedAnswer,
        parameters=[
            OpenApiParameter("delete_runs", bool, description="Also delete runs that ended.")
        ],
    )
    def delete(self, request: Request, workflow_id: UUID) -> Response:
        """Disable the workflow: its deployment goes, its definition stays."""
        workflow = self.workflow(workflow_id, "change_workflow")
        query = self.query(DeploymentQuery)
        if query["delete_runs"]:
            self.workflow(workflow_id, "delete_workflow")
        if workflow.registration.deployment_id is None and not workflow.is_enabled:
            return Response({"status": "success", "message": "there is no deployment"})
        deleted = disable(workflow, delete_runs=query["delete_runs"])
        return Response(
            {
                "status": "success",
                "message": "disabled: its deployment will be removed in a moment",
                "workflow_id": workflow.pk,
                "runs_deleted": deleted,
            }
        )


def _done(workflow: Workflow, what: str, code: int = status.HTTP_200_OK) -> Response:
    message = f"workflow '{workflow.name}' {what}"
    body = {"status": "success", "message": message, "workflow_id": workflow.pk}
    return Response(DoneAnswer(body).data, status=code)
