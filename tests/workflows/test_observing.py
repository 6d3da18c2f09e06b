from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from factories import NodeRunFactory, RunFactory

from workflows.models import NodeRun, Run
from workflows.services import observing
from workflows.services.running import run_now

pytestmark = pytest.mark.django_db


def states(run: Run) -> dict[str, str]:
    return dict(run.node_runs.values_list("node_key", "state"))


def test_polling_follows_a_run_and_its_nodes(registered, prefect):
    run = run_now(workflow=registered)
    prefect.advance(run.pk, "RUNNING")
    prefect.advance_node(run.pk, "read", "COMPLETED", '{"rows_in":null,"rows_out":4,"seconds":0.1}')
    prefect.advance_node(run.pk, "keep0", "RUNNING")
    assert observing.poll_active() == 1
    run.refresh_from_db()
    assert run.state == "RUNNING"
    assert states(run) == {"read": "COMPLETED", "keep0": "RUNNING", "write": "SCHEDULED"}


def test_polling_without_open_runs_asks_nobody(registered, prefect):
    prefect.calls.clear()
    assert observing.poll_active() == 0
    assert prefect.calls == []


def test_nodes_are_read_again_after_the_end_of_their_run(registered, prefect):
    run = run_now(workflow=registered)
    prefect.advance(run.pk, "RUNNING")
    prefect.advance(run.pk, "COMPLETED")
    observing.poll_active()
    for key in ("read", "keep0", "write"):
        prefect.advance_node(run.pk, key, "COMPLETED", '{"rows_in":1,"rows_out":1,"seconds":0}')
    observing.poll_active()
    assert set(states(run).values()) == {"COMPLETED"}
    assert NodeRun.objects.filter(rows_out=1).count() == 3


@pytest.mark.parametrize(
    ("run_state", "started", "settled"),
    [("COMPLETED", True, "COMPLETED"), ("CRASHED", True, "CRASHED"), ("FAILED", False, "SKIPPED")],
)
def test_nodes_that_prefect_is_silent_about_get_an_end(run_state, started, settled):
    ended = timezone.now() - timedelta(seconds=31)
    run = RunFactory(state=run_state, ended_at=ended)
    node = NodeRunFactory(run=run, state="RUNNING", started_at=ended if started else None)
    assert observing.settle_nodes() == 1
    node.refresh_from_db()
    assert node.state == settled


def test_nodes_of_a_run_that_ended_just_now_are_waited_for():
    run = RunFactory(state="COMPLETED", ended_at=timezone.now())
    NodeRunFactory(run=run, state="RUNNING")
    assert observing.settle_nodes() == 0


def test_a_run_of_a_schedule_is_discovered(registered, prefect):
    (deployment,) = prefect.deployments.values()
    made = prefect.create_run(deployment.id)
    prefect.flow_runs[made.id] = replace(made, is_scheduled=True)
    prefect.advance(made.id, "PENDING")
    observing.discover()
    assert Run.objects.get().trigger == "schedule"


def test_a_late_run_is_discovered_and_a_future_one_is_not(registered, prefect):
    (deployment,) = prefect.deployments.values()
    late, future = (prefect.create_run(deployment.id) for _ in range(2))
    prefect.flow_runs[late.id] = replace(late, is_scheduled=True, state_name="Late")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    prefect.flow_runs[future.id] = replace(future, is_scheduled=True, expected_at=tomorrow)
    observing.discover()
    assert [run.pk for run in Run.objects.all()] == [late.id]


@pytest.mark.parametrize(
    ("trigger", "started", "left"),
    [("schedule", False, []), ("manual", False, ["CANCELLED"]), ("manual", True, ["CRASHED"])],
)
def test_a_run_that_prefect_deleted_does_not_stay_open(prefect, trigger, started, left):
    long_ago = timezone.now() - timedelta(minutes=5)
    RunFactory(
        state="RUNNING" if started else "SCHEDULED",
        trigger=trigger,
        created_at=long_ago,
        started_at=long_ago if started else None,
    )
    observing.poll_active()
    assert list(Run.objects.values_list("state", flat=True)) == left


def test_a_run_that_prefect_does_not_show_yet_stays(prefect):
    RunFactory(state="SCHEDULED", trigger="manual")
    observing.poll_active()
    assert Run.objects.get().state == "SCHEDULED"


def test_backfill_rebuilds_what_was_lost(registered, prefect, admin_user):
    run = run_now(workflow=registered, user=admin_user, parameters={"limit": 1})
    prefect.advance(run.pk, "RUNNING")
    prefect.advance_node(run.pk, "read", "COMPLETED", '{"rows_in":null,"rows_out":4,"seconds":0.1}')
    prefect.advance(run.pk, "COMPLETED")
    Run.objects.all().delete()
    assert observing.backfill() == 1
    again = Run.objects.get()
    assert (again.pk, again.state, again.created_by) == (run.pk, "COMPLETED", admin_user)
    assert again.parameters == {"limit": 1}
    assert again.node_runs.get(node_key="read").rows_out == 4
