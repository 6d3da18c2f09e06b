from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from factories import VersionFactory, WorkflowFactory

from workers.prefect.gateway import FlowRun, TaskRun
from workflows.models import NodeRun, Run, Workflow
from workflows.services.mirror import apply_flow_run, apply_task_runs, workflow_tag

pytestmark = pytest.mark.django_db

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def workflow() -> Workflow:
    version = VersionFactory()
    nodes = [{"key": key, "name": key.title(), "kind": "filter"} for key in ("a", "b")]
    version.definition["nodes"] = nodes
    version.save()
    return version.workflow


@pytest.fixture
def flow_run(workflow) -> Callable[..., FlowRun]:
    run_id = uuid4()

    def make(state: str = "RUNNING", second: int = 0, **changes) -> FlowRun:
        at = START + timedelta(seconds=second)
        ended = at if state in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None
        made = FlowRun(
            id=run_id,
            name="calm-otter",
            deployment_id=uuid4(),
            state=state,
            state_name=state.title(),
            state_at=at,
            message="",
            created_at=START,
            expected_at=START,
            started_at=START,
            ended_at=ended,
            pool="etl-pool",
            is_scheduled=False,
            version="1",
            tags=("flowadmin", workflow_tag(workflow.pk)),
        )
        return replace(made, **changes)

    return make


def task_run(
    flow_run: FlowRun, name: str, state: str, second: int, message: str = "", **changes
) -> TaskRun:
    at = START + timedelta(seconds=second)
    made = TaskRun(uuid4(), flow_run.id, name, state, state.title(), at, message, 1, START, None)
    return replace(made, **changes)


def node(key: str) -> NodeRun:
    return NodeRun.objects.get(node_key=key)


def test_a_run_of_a_schedule_is_found_by_its_tag(workflow, flow_run):
    run = apply_flow_run(flow_run(is_scheduled=True))
    assert (run.workflow, run.version.number, run.trigger) == (workflow, 1, "schedule")
    assert [row.node_name for row in run.node_runs.all()] == ["A", "B"]


def test_a_run_made_by_us_is_rebuilt_from_its_tags(flow_run, admin_user):
    tags = (*flow_run().tags, "trigger:api", f"user:{admin_user.pk}")
    run = apply_flow_run(flow_run(tags=tags, parameters={"parameters": {"limit": 3}}))
    assert (run.trigger, run.created_by, run.parameters) == ("api", admin_user, {"limit": 3})


def test_a_run_of_a_foreign_deployment_is_passed_over(flow_run):
    assert apply_flow_run(flow_run(tags=("nightly",))) is None


def test_a_run_of_a_deleted_workflow_is_passed_over(flow_run):
    assert apply_flow_run(flow_run(tags=(workflow_tag(uuid4()),))) is None


def test_a_future_run_of_a_schedule_is_not_history_yet(flow_run):
    later = datetime.now(UTC) + timedelta(hours=1)
    assert apply_flow_run(flow_run("SCHEDULED", is_scheduled=True, expected_at=later)) is None


def test_the_same_news_twice_changes_nothing(flow_run, django_assert_num_queries):
    apply_flow_run(flow_run())
    with django_assert_num_queries(3):  # savepoint, read, release: nothing is written
        apply_flow_run(flow_run())
    assert Run.objects.count() == 1


def test_news_from_before_is_ignored(flow_run):
    apply_flow_run(flow_run("RUNNING", 5))
    apply_flow_run(flow_run("PENDING", 3))
    assert Run.objects.get().state == "RUNNING"


@pytest.mark.parametrize("late", ["FAILED", "RUNNING", "CRASHED"])
def test_an_end_is_never_left(flow_run, late):
    apply_flow_run(flow_run("COMPLETED", 5))
    apply_flow_run(flow_run(late, 9))
    assert Run.objects.get().state == "COMPLETED"


def test_an_end_is_taken_from_a_server_whose_clock_is_behind_the_workers(flow_run):
    apply_flow_run(flow_run("RUNNING", 600))
    apply_flow_run(flow_run("CRASHED", 5))
    assert Run.objects.get().state == "CRASHED"


def test_a_run_that_prefect_starts_again_before_its_end_is_followed(flow_run):
    for second, state in enumerate(["RUNNING", "SCHEDULED", "RUNNING"]):
        run = apply_flow_run(flow_run(state, second))
    assert run.state == "RUNNING"


def test_a_failed_run_shows_code_and_culprit(flow_run):
    message = "Flow run encountered an exception: StepFailed: E_CAST: node 'b': 'x' is no number"
    run = apply_flow_run(flow_run("FAILED", 1, message=message))
    assert (run.error_code, run.message) == ("E_CAST", "node 'b': 'x' is no number")


def test_a_node_that_cannot_be_typed_any_more_fails_with_the_code_of_its_issue(flow_run):
    apply_flow_run(flow_run())
    text = "unknown_column: node 'b': unknown column 'price'; known: id"
    apply_task_runs([task_run(flow_run(), "b", "FAILED", 2, text)])
    assert (node("b").error_code, node("b").message) == (
        "unknown_column", "unknown column 'price'; known: id"
    )  # fmt: skip


def test_a_node_that_ended_well_has_rows_and_seconds(flow_run):
    apply_flow_run(flow_run())
    outcome = '{"rows_in":5,"rows_out":3,"seconds":0.012}'
    apply_task_runs([task_run(flow_run(), "a", "COMPLETED", 2, outcome)])
    row = node("a")
    assert (row.rows_in, row.rows_out, row.seconds, row.message) == (5, 3, 0.012, "")
    assert row.state == "COMPLETED" and row.ended_at is not None


def test_warnings_of_a_node_stand_in_its_row(flow_run):
    apply_flow_run(flow_run())
    outcome = '{"rows_in":5,"rows_out":3,"seconds":0.012,"warnings":["expected 1 row"]}'
    apply_task_runs([task_run(flow_run(), "a", "COMPLETED", 2, outcome)])
    assert node("a").warnings == ["expected 1 row"]


def test_the_columns_that_a_source_found_are_kept(flow_run):
    apply_flow_run(flow_run())
    outcome = '{"rows_in":null,"rows_out":3,"seconds":0.012,"columns":{"id":"integer"}}'
    apply_task_runs([task_run(flow_run(), "a", "COMPLETED", 2, outcome)])
    assert node("a").columns == {"id": "integer"}


def test_a_failed_node_has_code_and_message(flow_run):
    apply_flow_run(flow_run())
    text = "Task run failed: E_LOAD_CONSTRAINT: node 'b': null in column 'id'\nDETAIL: row 3"
    apply_task_runs([task_run(flow_run(), "b", "FAILED", 2, text)])
    assert node("b").error_code == "E_LOAD_CONSTRAINT"
    assert node("b").message == "null in column 'id'\nDETAIL: row 3"


def test_a_skipped_node_is_skipped_and_not_cancelled(flow_run):
    apply_flow_run(flow_run())
    apply_task_runs([task_run(flow_run(), "b", "CANCELLED", 2, state_name="Skipped")])
    assert node("b").state == "SKIPPED"


def test_task_runs_in_any_order_end_in_the_latest_state(flow_run):
    apply_flow_run(flow_run())
    task_id = uuid4()
    states = [("COMPLETED", 3), ("PENDING", 1), ("RUNNING", 2)]
    for state, second in states:
        apply_task_runs([task_run(flow_run(), "a", state, second, id=task_id)])
    assert node("a").state == "COMPLETED"


def test_a_new_task_run_of_an_open_run_is_a_new_attempt(flow_run):
    apply_flow_run(flow_run())
    apply_task_runs([task_run(flow_run(), "a", "FAILED", 1)])
    apply_task_runs([task_run(flow_run(), "a", "COMPLETED", 2, attempt=2)])
    assert node("a").state == "COMPLETED"


def test_a_new_task_run_of_an_ended_run_is_ignored(flow_run):
    apply_flow_run(flow_run())
    apply_task_runs([task_run(flow_run(), "a", "COMPLETED", 1)])
    apply_flow_run(flow_run("COMPLETED", 2))
    apply_task_runs([task_run(flow_run(), "a", "FAILED", 3)])
    assert node("a").state == "COMPLETED"


def test_a_task_run_without_a_run_is_passed_over(flow_run):
    apply_task_runs([task_run(flow_run(), "a", "RUNNING", 1)])
    assert not NodeRun.objects.exists()


def test_a_version_that_is_no_number_is_no_version(flow_run):
    assert apply_flow_run(flow_run(version="abc")).version is None


def test_runs_of_two_workflows_keep_apart(flow_run):
    other = WorkflowFactory()
    apply_flow_run(flow_run())
    apply_flow_run(flow_run(id=uuid4(), tags=(workflow_tag(other.pk),)))
    assert other.runs.count() == 1
