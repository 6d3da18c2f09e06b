from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone
from factories import (
    PoolFactory,
    PoolSampleFactory,
    RegistrationFactory,
    RunFactory,
    TeamFactory,
    WorkflowFactory,
)

from workers.prefect.gateway import FlowRun
from workflows.models import AlertCase, Run, RunState, Workflow
from workflows.services.alerting.noticing import usual_seconds
from workflows.services.alerting.watching import watch
from workflows.services.mirror import apply_flow_run, workflow_tag

pytestmark = pytest.mark.django_db

FAILURE = "E_CONSTRAINT: node 'write': duplicate key"


@pytest.fixture
def workflow(team) -> Workflow:
    return WorkflowFactory(team=team, name="Orders")


@pytest.fixture
def end(workflow):
    """Let Prefect say that a run of the workflow ended."""

    def end(state: str = "FAILED", message: str = FAILURE, seconds: float = 5, ago: float = 0):
        ended = timezone.now() - timedelta(seconds=ago)
        flow_run = FlowRun(
            id=uuid4(), name="calm-otter", deployment_id=uuid4(), state=state,
            state_name=state.title(), state_at=ended, message=message, created_at=ended,
            expected_at=ended, started_at=ended - timedelta(seconds=seconds), ended_at=ended,
            pool="etl-pool", is_scheduled=False, version="1",
            tags=("flowadmin", workflow_tag(workflow.pk)),
        )  # fmt: skip
        apply_flow_run(flow_run)
        return flow_run

    return end


def told() -> dict[str, int]:
    return dict(AlertCase.objects.values_list("subject", "count"))


def test_a_failure_is_told_with_its_node_once_per_run(make_rule, end):
    make_rule(event="failure")
    apply_flow_run(end())
    assert told() == {"'Orders' failed in node 'write'": 1}


def test_the_same_node_and_code_are_one_cause(make_rule, end):
    make_rule(event="failure")
    for message in (FAILURE, FAILURE, FAILURE.replace("write", "read")):
        end(message=message)
    assert told() == {"'Orders' failed in node 'write'": 2, "'Orders' failed in node 'read'": 1}


def test_a_rule_of_one_workflow_or_of_another_team_is_not_concerned(make_rule, end, team):
    make_rule(event="failure", workflow=WorkflowFactory(team=team))
    make_rule(event="failure", team=TeamFactory())
    make_rule(event="failure", is_active=False)
    end()
    assert told() == {}


def test_history_that_is_rebuilt_is_no_news(make_rule, end):
    make_rule(event="failure")
    end(ago=7200)
    assert told() == {}


def test_a_recovery_needs_a_failure_before(make_rule, end):
    make_rule(event="recovery")
    end("COMPLETED", "", ago=60)
    assert told() == {}
    end(ago=30)
    end("COMPLETED", "")
    assert told() == {"'Orders' works again": 1}


def good_runs(workflow: Workflow, *seconds: float) -> None:
    for index, took in enumerate(seconds):
        start = timezone.now() - timedelta(hours=index + 1)
        RunFactory(
            workflow=workflow, state=RunState.COMPLETED, created_at=start, started_at=start,
            ended_at=start + timedelta(seconds=took),
        )  # fmt: skip


def test_a_run_is_slow_by_the_median_of_the_good_ones(make_rule, end, workflow):
    make_rule(event="slow", times_median=3)
    good_runs(workflow, 20, 20, 20, 900)
    end("COMPLETED", "", seconds=59)
    assert told() == {}
    end("COMPLETED", "", seconds=61)
    assert told() == {"'Orders' takes long": 1}


def test_a_run_that_goes_on_for_long_is_told_before_it_ends_and_not_again(make_rule, workflow):
    make_rule(event="slow", times_median=3)
    good_runs(workflow, 20, 20, 20)
    start = timezone.now() - timedelta(minutes=5)
    run = RunFactory(workflow=workflow, state=RunState.RUNNING, started_at=start, ended_at=None)
    watch()
    watch()
    assert told() == {"'Orders' takes long": 1}
    assert usual_seconds(run) == 20


def test_without_enough_good_runs_nothing_is_slow(make_rule, end, workflow):
    make_rule(event="slow")
    good_runs(workflow, 20, 20)
    end("COMPLETED", "", seconds=900)
    assert told() == {}


def test_a_run_that_has_not_started_is_late_after_the_rules_minutes(make_rule, workflow):
    make_rule(event="late", minutes=10)
    due = timezone.now() - timedelta(minutes=9)
    run = RunFactory(workflow=workflow, state=RunState.SCHEDULED, expected_at=due, started_at=None)
    watch()
    assert told() == {}
    Run.objects.filter(pk=run.pk).update(expected_at=due - timedelta(minutes=2))
    watch()
    assert told() == {"'Orders' has not started": 1}


def samples(pool, *active: int) -> None:
    for index, taken in enumerate(active):
        at = timezone.now() - timedelta(seconds=30 * index)
        PoolSampleFactory(pool=pool, active=taken, taken_at=at)


def test_a_pool_is_saturated_when_it_was_full_all_the_time(make_rule):
    make_rule(event="pool_saturated", minutes=1)
    samples(PoolFactory(name="busy", concurrency_limit=2), 2, 3, 2, 2, 1)
    samples(PoolFactory(name="almost", concurrency_limit=2), 2, 1, 2, 2, 2)
    watch()
    watch()
    assert told() == {"pool 'busy' is full": 1}


def test_a_pool_of_another_team_is_none_of_ones_business(make_rule):
    make_rule(event="pool_saturated", minutes=1)
    pool = PoolFactory(concurrency_limit=1)
    pool.teams.add(TeamFactory())
    samples(pool, 1, 1, 1, 1)
    watch()
    assert told() == {}


def test_a_registration_that_fails_is_told_once_per_save(make_rule, workflow):
    make_rule(event="registration_failing")
    row = RegistrationFactory(workflow=workflow)
    row.state, row.reason = "failed", "node 'a' has no input"
    row.save()
    watch()
    watch()
    assert told() == {"'Orders' cannot be registered": 1}
