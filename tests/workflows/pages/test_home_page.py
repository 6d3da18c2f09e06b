from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from factories import (
    MembershipFactory,
    RunFactory,
    ScheduleFactory,
    TeamFactory,
    UserFactory,
    WorkerSeenFactory,
    WorkflowFactory,
)

from workflows.models import Registration, RegistrationState, RunState
from workflows.pages.attention import attention
from workflows.pages.today import today
from workflows.pages.upcoming import next_starts

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_remembered(redis_server):
    cache.clear()


@pytest.fixture
def member():
    return MembershipFactory(user=UserFactory(is_staff=True)).user


@pytest.fixture
def team(member):
    return member.memberships.get().team


def ended(team, state=RunState.COMPLETED, seconds=10, **more):
    now = timezone.now() - timedelta(minutes=5)
    workflow = more.pop("workflow", None) or WorkflowFactory(team=team)
    times = {"created_at": now, "started_at": now, "ended_at": now + timedelta(seconds=seconds)}
    return RunFactory(workflow=workflow, state=state, **times, **more)


def counts(viewer) -> dict[str, int]:
    return {item.title: item.count for item in attention(viewer)}


def test_a_run_past_its_time_is_late(member, team):
    due = timezone.now() - timedelta(minutes=3)
    RunFactory(workflow__team=team, state=RunState.SCHEDULED, expected_at=due)
    RunFactory(workflow__team=team, state=RunState.SCHEDULED, expected_at=timezone.now())
    assert counts(member)["Late"] == 1


def test_a_run_between_two_states_for_long_is_stuck(member, team):
    since = timezone.now() - timedelta(minutes=10)
    RunFactory(workflow__team=team, state=RunState.PENDING, state_at=since)
    assert counts(member)["Stuck"] == 1


def test_what_other_teams_have_is_not_counted(member):
    workflow = WorkflowFactory(team=TeamFactory())
    Registration.objects.update(state=RegistrationState.FAILED)
    ended(workflow.team, RunState.FAILED)
    assert counts(member)["Registrations failed"] == counts(member)["Failed in 24 hours"] == 0
    assert today(member).runs == 0


def test_failures_of_a_day_are_counted_and_older_ones_are_not(member, team):
    ended(team, RunState.FAILED)
    ended(team, RunState.CRASHED)
    past = timezone.now() - timedelta(hours=25)
    RunFactory(workflow__team=team, state=RunState.FAILED, created_at=past)
    assert counts(member)["Failed in 24 hours"] == 2


def test_a_pool_with_a_worker_needs_no_attention(member, pools):
    WorkerSeenFactory(pool=pools["etl-pool"])
    assert counts(member)["Pools without a worker"] == 2


def test_success_is_of_the_runs_that_completed_or_failed(member, team):
    for state in (RunState.COMPLETED, RunState.COMPLETED, RunState.CRASHED, RunState.CANCELLED):
        ended(team, state)
    figures = today(member)
    assert (figures.runs, figures.failed) == (4, 1)
    assert figures.success_percent == pytest.approx(66.67, abs=0.01)


def test_the_slowest_and_the_most_failing_workflow_come_first(member, team):
    slow, bad = WorkflowFactory(team=team, name="Slow"), WorkflowFactory(team=team, name="Bad")
    ended(team, workflow=slow, seconds=300)
    ended(team, workflow=bad)
    ended(team, RunState.FAILED, workflow=bad)
    figures = today(member)
    assert [(one.name, one.seconds) for one in figures.slowest] == [("Slow", 300), ("Bad", 10)]
    assert [(one.name, one.failed, one.runs) for one in figures.failing] == [("Bad", 1, 2)]


def test_every_hour_of_the_chart_has_its_runs(member, team):
    ended(team)
    chart = today(member).chart
    assert len(chart.moments) == 24
    assert sum(chart.series[0].values) == 1


def test_the_soonest_starts_come_first_each_with_its_own_zone(member, team):
    now = timezone.now()
    later = WorkflowFactory(team=team, name="Later")
    ScheduleFactory(workflow=later, cron="", run_at=now + timedelta(days=400))
    ScheduleFactory(workflow__team=team, workflow__name="Soon", timezone="Asia/Tokyo")
    ScheduleFactory(workflow__team=team, workflow__is_paused=True)
    starts = next_starts(member, 5)
    assert [start.workflow for start in starts] == ["Soon", "Later"]
    assert starts[0].there == "03:00 Asia/Tokyo"


def test_home_tells_newcomers_what_to_do_first(member, settings):
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    client = Client()
    client.force_login(member)
    page = client.get("/admin/").content.decode()
    assert "No workflow yet" in page
    assert "/admin/workflows/connection/add/" in page
