from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from workers.prefect.gateway import PrefectUnreachable
from workers.prefect.memory import InMemoryGateway
from workflows.models import Run, Workflow
from workflows.services.falling_back import move_late_runs

pytestmark = pytest.mark.django_db


def late_run(prefect: InMemoryGateway, workflow: Workflow, minutes: float = 5):
    """A run that its schedule made, and nobody has taken."""
    run = prefect.create_run(workflow.registration.deployment_id)
    due = timezone.now() - timedelta(minutes=minutes)
    late = replace(run, is_scheduled=True, state_name="Late", expected_at=due)
    prefect.flow_runs[run.id] = late
    return late


@pytest.fixture
def home_is_away(registered, prefect):
    prefect.put_online(registered.registration.pool, is_online=False)


@pytest.mark.usefixtures("home_is_away")
def test_a_late_run_goes_to_the_next_pool_with_room(registered, prefect):
    late = late_run(prefect, registered)
    [moved] = move_late_runs()
    old = prefect.flow_runs[late.id]
    assert (old.state, old.message.split(":")[0]) == ("CANCELLED", "moved to 'etl-pool'")
    assert (moved.pool, moved.trigger, moved.state) == ("etl-pool", "fallback", "SCHEDULED")
    assert "no worker online" in moved.receipt["summary"]


@pytest.mark.usefixtures("home_is_away")
def test_a_run_is_moved_once(registered, prefect):
    late_run(prefect, registered)
    move_late_runs()
    assert move_late_runs() == []
    assert Run.objects.filter(trigger="fallback").count() == 1


@pytest.mark.usefixtures("home_is_away")
def test_a_crash_after_canceling_loses_no_run(registered, prefect, monkeypatch):
    late_run(prefect, registered)
    with monkeypatch.context() as patched, pytest.raises(PrefectUnreachable):
        patched.setattr(InMemoryGateway, "create_run", _is_away)
        move_late_runs()
    [moved] = move_late_runs()
    assert moved.pool == "etl-pool"


@pytest.mark.usefixtures("home_is_away")
def test_no_more_runs_are_moved_than_there_is_room(registered, prefect, pools):
    for _ in range(
        pools["etl-pool"].concurrency_limit + pools["high-memory-pool"].concurrency_limit + 2
    ):
        late_run(prefect, registered)
    moved = move_late_runs()
    assert [run.pool for run in moved].count("etl-pool") == 3
    assert [run.pool for run in moved].count("high-memory-pool") == 2
    assert len(moved) == 5


def test_a_late_run_waits_where_there_is_room_soon(registered, prefect):
    late = late_run(prefect, registered)
    assert move_late_runs() == []
    assert prefect.flow_runs[late.id].state == "SCHEDULED"


@pytest.mark.usefixtures("home_is_away")
def test_a_run_that_is_hardly_late_waits(registered, prefect):
    late_run(prefect, registered, minutes=0.5)
    assert move_late_runs() == []


def _is_away(*_: object, **__: object) -> None:
    raise PrefectUnreachable("Prefect does not answer")
