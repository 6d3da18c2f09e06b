"""What the API answers with: one serializer per shape, used for output and for the schema."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from workflows.api.fields import DefinitionField, IssuesField
from workflows.models import Overlap, Registration, Run, Workflow, WorkflowVersion
from workflows.services.checking import Checked
from workflows.services.editing import definition_of, layout_of
from workflows.services.waiting import Obstacle, Occupancy, Waiting, may_wait, occupancy, waiting

_LINKS = {
    "self": "workflow",
    "status": "workflow-status",
    "runs": "workflow-runs",
    "pause": "workflow-pause",
    "resume": "workflow-resume",
    "register": "workflow-register",
}


class Answer(serializers.Serializer[Any]):
    """Base of all answers: read only."""


class RegistrationAnswer(Answer):
    """How the workflow's deployment stands."""

    state = serializers.CharField()
    reason = serializers.CharField()
    issues = IssuesField(help_text="Findings of the latest save.")
    pool = serializers.CharField(help_text="Where the last good deployment is; empty = none.")
    receipt = serializers.SerializerMethodField(help_text="Why that pool.")
    deployment_id = serializers.UUIDField(allow_null=True)
    deployment_name = serializers.CharField()
    version = serializers.IntegerField(source="version.number", default=None, allow_null=True)
    attempts = serializers.IntegerField()
    next_try_at = serializers.DateTimeField(allow_null=True)
    registered_at = serializers.DateTimeField(allow_null=True)

    def get_receipt(self, registration: Registration) -> dict[str, Any]:
        assignment = getattr(registration.workflow, "assignment", None)
        return assignment.receipt if assignment else {}


class _WorkflowFields(Answer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    team = serializers.CharField(source="team.slug")
    is_enabled = serializers.BooleanField()
    is_paused = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    links = serializers.SerializerMethodField()

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
    def get_links(self, workflow: Workflow) -> dict[str, str]:
        request = self.context.get("request")
        return {
            name: reverse(f"api:{route}", args=[workflow.pk], request=request)
            for name, route in _LINKS.items()
        }


class WorkflowSummary(_WorkflowFields):
    """A workflow in a list."""

    version = serializers.IntegerField(source="latest_number", allow_null=True)
    state = serializers.CharField(source="registration.state", default="pending")
    pool = serializers.CharField(source="registration.pool", default="")


class WorkflowAnswer(_WorkflowFields):
    """A workflow with its definition and registration."""

    version = serializers.SerializerMethodField()
    definition = serializers.SerializerMethodField()
    layout = serializers.SerializerMethodField()
    registration = RegistrationAnswer()
    concurrency_limit = serializers.IntegerField(
        allow_null=True, help_text="Runs at the same time; null = as many as its pool takes."
    )
    overlap = serializers.ChoiceField(
        Overlap.choices, help_text="What becomes of a run beyond that."
    )
    issues = serializers.SerializerMethodField()
    legacy = serializers.JSONField(help_text="Keys kept of an imported payload.")

    def get_version(self, workflow: Workflow) -> int | None:
        numbers = WorkflowVersion.objects.filter(workflow=workflow).order_by("-number")
        return numbers.values_list("number", flat=True).first()

    @extend_schema_field(DefinitionField)
    def get_definition(self, workflow: Workflow) -> dict[str, Any]:
        return definition_of(workflow).model_dump(mode="json")

    @extend_schema_field(
        {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {"x": {"type": "number"}, "y": {"type": "number"}},
            },
        }
    )
    def get_layout(self, workflow: Workflow) -> dict[str, dict[str, float]]:
        return layout_of(workflow)

    @extend_schema_field(IssuesField)
    def get_issues(self, workflow: Workflow) -> list[dict[str, Any]]:
        """Just compiled where a view did so, else of the last registration."""
        issues = self.context.get("issues")
        if issues is None:
            return list(workflow.registration.issues)
        return [issue.model_dump(mode="json") for issue in issues]


class WaitingAnswer(Answer):
    """What keeps a run from running."""

    code = serializers.ChoiceField([one.value for one in Obstacle], source="obstacle")
    text = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True, help_text="When it starts, if known.")
    held_by = serializers.SerializerMethodField(
        help_text="Runs that must end first, of the teams you may see."
    )

    @extend_schema_field(serializers.ListField(child=serializers.UUIDField()))
    def get_held_by(self, why: Waiting) -> list[str]:
        request = self.context.get("request")
        return [str(run.pk) for run in why.holders_seen_by(request.user)] if request else []


class RunAnswer(Answer):
    flow_run_id = serializers.UUIDField(source="id")
    name = serializers.CharField()
    state = serializers.CharField()
    state_name = serializers.CharField()
    start_time = serializers.DateTimeField(source="started_at", allow_null=True)
    end_time = serializers.DateTimeField(source="ended_at", allow_null=True)
    duration = serializers.FloatField(
        source="duration_seconds", allow_null=True, help_text="In seconds."
    )
    expected_time = serializers.DateTimeField(source="expected_at", allow_null=True)
    created_at = serializers.DateTimeField()
    work_pool = serializers.CharField(source="pool")
    trigger = serializers.CharField()
    retry_of = serializers.UUIDField(
        source="parent_id", allow_null=True, help_text="The run that this one retries."
    )
    version = serializers.IntegerField(source="version.number", default=None, allow_null=True)
    message = serializers.CharField()
    error_code = serializers.CharField()
    waiting = serializers.SerializerMethodField(
        help_text="Why it is not running; null when it runs or has ended."
    )
    tags = serializers.SerializerMethodField()

    @extend_schema_field(WaitingAnswer(allow_null=True))
    def get_waiting(self, run: Run) -> dict[str, Any] | None:
        if not may_wait(run):
            return None
        why = waiting(run, self._occupancy, timezone.now())
        return dict(WaitingAnswer(why, context=self.context).data) if why else None

    @cached_property
    def _occupancy(self) -> Occupancy:
        """Asked once for all runs of a list."""
        return occupancy()

    def get_tags(self, run: Run) -> list[str]:
        return [f"workflow:{run.workflow_id}", f"trigger:{run.trigger}"]


class NodeRunAnswer(Answer):
    task_run_name = serializers.CharField(source="node_key")
    node = serializers.CharField(source="node_key")
    name = serializers.CharField(source="node_name")
    kind = serializers.CharField()
    state = serializers.CharField()
    state_name = serializers.CharField()
    is_reused = serializers.BooleanField(
        help_text="A retry found what it had made before, and did not run it."
    )
    attempt = serializers.IntegerField()
    rows_in = serializers.IntegerField(allow_null=True)
    rows_out = serializers.IntegerField(allow_null=True)
    seconds = serializers.FloatField(allow_null=True)
    warnings = serializers.ListField(
        child=serializers.CharField(), help_text="What its checks found that did not stop the run."
    )
    columns = serializers.DictField(
        child=serializers.CharField(),
        help_text="Column → type, of what a source read and of a target's table, as it found them.",
    )
    start_time = serializers.DateTimeField(source="started_at", allow_null=True)
    end_time = serializers.DateTimeField(source="ended_at", allow_null=True)
    message = serializers.CharField()
    error_code = serializers.CharField()


class RunDetailAnswer(RunAnswer):
    workflow_id = serializers.UUIDField()
    parameters = serializers.JSONField()
    receipt = serializers.JSONField(help_text="Why this pool, as it stood then.")
    nodes = NodeRunAnswer(source="node_runs", many=True)


class RunsAnswer(Answer):
    workflow_id = serializers.UUIDField()
    runs = RunAnswer(many=True)


class DeploymentAnswer(Answer):
    deployment_id = serializers.UUIDField()
    deployment_name = serializers.CharField()
    is_schedule_active = serializers.BooleanField()
    schedule = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())


class StatusAnswer(Answer):
    workflow_id = serializers.UUIDField()
    workflow_name = serializers.CharField()
    prefect_status = serializers.ChoiceField(["deployed", "failed", "not_deployed"])
    deployment_info = DeploymentAnswer(allow_null=True)
    recent_runs = RunAnswer(many=True)
    total_runs = serializers.IntegerField(required=False)
    registration = RegistrationAnswer()


class StartedAnswer(Answer):
    status = serializers.CharField()
    flow_run_id = serializers.UUIDField()
    workflow_id = serializers.UUIDField()
    deployment_name = serializers.CharField()
    work_pool = serializers.CharField()
    message = serializers.CharField()


class DoneAnswer(Answer):
    status = serializers.CharField()
    message = serializers.CharField()
    workflow_id = serializers.UUIDField(required=False)


class UndeployedAnswer(DoneAnswer):
    runs_deleted = serializers.IntegerField(required=False)


class LogLineAnswer(Answer):
    id = serializers.IntegerField()
    timestamp = serializers.DateTimeField(source="at")
    level = serializers.IntegerField()
    message = serializers.CharField(source="text")
    task_run_id = serializers.UUIDField(allow_null=True)
    task_run_name = serializers.CharField(source="node_key")
    node = serializers.CharField(source="node_key")


class LogsAnswer(Answer):
    workflow_id = serializers.UUIDField()
    flow_run_id = serializers.UUIDField()
    flow_run_state = serializers.CharField()
    is_complete = serializers.BooleanField(help_text="No more lines will come.")
    is_truncated = serializers.BooleanField(help_text="The rest is kept by Prefect only.")
    logs = LogLineAnswer(many=True)
    log_count = serializers.IntegerField()


class ColumnAnswer(Answer):
    name = serializers.CharField()
    type = serializers.CharField(help_text="In DuckDB's words.")


class SampleAnswer(Answer):
    """Rows as text. Each cell is its value in DuckDB's text form, exactly; null is NULL."""

    columns = ColumnAnswer(many=True)
    rows = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField(allow_null=True))
    )
    clipped = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField()),
        help_text="Cells that are cut: row, column, and the length of the whole in characters.",
    )
    has_more = serializers.BooleanField(help_text="Whether there are rows beyond these.")
    is_complete = serializers.BooleanField(
        help_text="Whether the sources were read to their ends: a run has the same rows."
    )


class PortsAnswer(Answer):
    """Names of ports; null where settings that do not pass would decide about them."""

    inputs = serializers.ListField(child=serializers.CharField(), allow_null=True)
    outputs = serializers.ListField(child=serializers.CharField(), allow_null=True)


class ValidationAnswer(Answer):
    can_register = serializers.BooleanField(help_text="Whether no issue is an error.")
    issues = IssuesField()
    schemas = serializers.SerializerMethodField(
        help_text="Node → columns at its output; null where they are not known."
    )
    ports = serializers.DictField(child=PortsAnswer(), help_text="Node → its ports.")

    @extend_schema_field(
        serializers.DictField(child=serializers.ListField(child=ColumnAnswer(), allow_null=True))
    )
    def get_schemas(self, checked: Checked) -> dict[str, list[dict[str, str]] | None]:
        return {key: found.as_json() if found else None for key, found in checked.schemas.items()}
