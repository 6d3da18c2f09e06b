"""Runs of a workflow: list, detail, logs, retry, cancel."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from engine.restarting.restart import FAILED
from workflows.access import require, scope
from workflows.api.answers import (
    LogsAnswer,
    RunAnswer,
    RunDetailAnswer,
    RunsAnswer,
    SampleAnswer,
    StartedAnswer,
)
from workflows.api.fields import StrictSerializer
from workflows.api.running import started
from workflows.api.views import ApiView
from workflows.models import Run, RunState
from workflows.services import log_mirror, logs, running, samples

_LEVELS = {logging.getLevelName(level).lower(): level for level in (10, 20, 30, 40, 50)}


class RunsQuery(StrictSerializer):
    limit = serializers.IntegerField(required=False, default=10, min_value=1, max_value=200)
    state = serializers.ChoiceField(RunState.choices, required=False)


class LogsQuery(StrictSerializer):
    node = serializers.CharField(required=False, default="", help_text="Lines of this node only.")
    level = serializers.ChoiceField(sorted(_LEVELS), required=False, default="debug")
    text = serializers.CharField(required=False, default="", help_text="Lines with this text.")
    after = serializers.IntegerField(required=False, default=0, min_value=0, max_value=2**63 - 1)
    limit = serializers.IntegerField(required=False, default=200, min_value=1, max_value=1_000)


class Runs(ApiView):
    @extend_schema(
        operation_id="workflows_runs",
        responses=RunsAnswer,
        parameters=[
            OpenApiParameter("limit", int, description="At most this many (1 to 200)."),
            OpenApiParameter("state", str, enum=RunState.values),
        ],
    )
    def get(self, request: Request, workflow_id: UUID) -> Response:
        """The latest runs, the newest first."""
        workflow = self.workflow(workflow_id, "view_workflow")
        query = self.query(RunsQuery)
        runs = scope(request.user, Run.objects.filter(workflow=workflow).select_related("version"))
        if "state" in query:
            runs = runs.filter(state=query["state"])
        found = {"workflow_id": workflow.pk, "runs": runs[: query["limit"]]}
        return Response(RunsAnswer(found, context={"request": request}).data)


class OneRun(ApiView):
    @extend_schema(operation_id="runs_read", responses=RunDetailAnswer)
    def get(self, request: Request, workflow_id: UUID, run_id: UUID) -> Response:
        """A run with state, rows and time of each node."""
        run = self.run_of(workflow_id, run_id, "view_run")
        return Response(RunDetailAnswer(run, context={"request": request}).data)


class Logs(ApiView):
    @extend_schema(
        operation_id="runs_logs",
        responses=LogsAnswer,
        parameters=[
            OpenApiParameter("node", str, description="Lines of this node only."),
            OpenApiParameter("level", str, enum=sorted(_LEVELS), description="At least this."),
            OpenApiParameter("text", str, description="Lines with this text, in any case."),
            OpenApiParameter("after", int, description="Lines after the one of this id."),
            OpenApiParameter("limit", int, description="At most this many (1 to 1000)."),
        ],
    )
    def get(self, request: Request, workflow_id: UUID, run_id: UUID) -> Response:
        """Log lines, oldest first; ``after`` of the next page is the id of the last line."""
        run = self.run_of(workflow_id, run_id, "view_run")
        query = self.query(LogsQuery)
        run_log = log_mirror.want(run)
        wanted = logs.Wanted(query["node"], _LEVELS[query["level"]], query["text"])
        chosen = logs.lines_of_run(run, wanted)
        lines = logs.page(chosen, query["after"] + 1, query["limit"])
        found = {
            "workflow_id": run.workflow_id,
            "flow_run_id": run.pk,
            "flow_run_state": run.state,
            "is_complete": run_log.is_complete,
            "is_truncated": run_log.is_truncated,
            "logs": lines,
            "log_count": len(lines),
        }
        return Response(LogsAnswer(found).data)


class RetryBody(StrictSerializer):
    # "from" is a word of Python's own.
    def get_fields(self) -> dict[str, Any]:
        help_text = (
            "failed: nodes that ended well are not run again; start: all are; "
            "or the key of a node, which is run anew with all that follows."
        )
        return {"from": serializers.CharField(required=False, default=FAILED, help_text=help_text)}


class Retry(ApiView):
    @extend_schema(operation_id="runs_retry", request=RetryBody, responses=StartedAnswer)
    def post(self, request: Request, run_id: UUID) -> Response:
        """Run again what a run did not do; asked twice, gives the same run."""
        runs = scope(request.user, Run.objects.select_related("workflow"))
        run = get_object_or_404(runs, pk=run_id)
        require(request.user, "workflows.run_workflow", run.workflow)
        start = self.read(RetryBody)["from"]
        is_node = start not in (FAILED, "start")
        started_run = running.retry(
            run, from_failed=start == FAILED, node=start if is_node else "", user=self.author()
        )
        return Response(StartedAnswer(started(started_run)).data)


class Cancel(ApiView):
    @extend_schema(operation_id="runs_cancel", request=None, responses=RunAnswer)
    def post(self, request: Request, workflow_id: UUID, run_id: UUID) -> Response:
        """Ask for cancellation; a run that has ended stays as it is."""
        run = running.cancel(self.run_of(workflow_id, run_id, "cancel_run"))
        return Response(RunAnswer(run, context={"request": request}).data)


class NodeSample(ApiView):
    @extend_schema(operation_id="runs_node_sample", responses=SampleAnswer)
    def get(self, request: Request, run_id: UUID, node_key: str) -> Response:
        """Some rows that left a node (or arrived at a target); 404 where none were kept."""
        runs = scope(request.user, Run.objects.select_related("workflow"))
        run = get_object_or_404(runs, pk=run_id)
        require(request.user, "workflows.view_run", run)
        sample = samples.read(run, node_key)
        if sample is None:
            raise NotFound
        return Response(SampleAnswer(sample.as_json()).data)
