"""What the open pages of home, lists, workflows and pools are sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache
from django.utils import timezone
from factories import MembershipFactory, RunFactory, TeamFactory, UserFactory, WorkflowFactory

from workers.models import Pool
from workflows.models import Registration, RegistrationState, Role, Run, RunState
from workflows.pages.polling import topics
from workflows.streams.audience import Login
from workflows.streams.ticket import mint, read
from workflows.streams.watcher import Watcher

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_remembered(redis_server):
    cache.clear()


@pytest.fixture
def member():
    return MembershipFactory(user__password=None, role=Role.VIEWER)


@pytest.fixture
def workflow(member):
    return WorkflowFactory(team=member.team, name="Orders")


@pytest.fixture
def pool(pools):
    return pools["etl-pool"]


@pytest.fixture
def look(member):
    """Function: what the member's page of the topics shows now, or None without a right to."""
    watcher = Watcher(topics())
    session = SessionStore()
    session.create()

    def look(*wanted: str) -> dict[str, str] | None:
        login = Login(read(mint(member.user, session.session_key, wanted)), session.session_key)
        shown = watcher.look([login]).get(login)
        return {slot: text for slot, (_, text) in shown.parts.items()} if shown else None

    return look


def started(workflow, **more) -> Run:
    at = timezone.now()
    return RunFactory(workflow=workflow, state=RunState.RUNNING, state_at=at, created_at=at, **more)


def end(run: Run, state: RunState) -> None:
    at = timezone.now()
    Run.objects.filter(pk=run.pk).update(state=state, state_at=at, ended_at=at)


def test_home_follows_what_runs(look, workflow):
    assert "Running" not in look("home")["home-today"]
    run = started(workflow)
    assert "Running" in look("home")["home-today"]
    end(run, RunState.COMPLETED)
    assert "Completed" in look("home")["home-today"]


def test_home_tells_of_a_failure_at_once(look, workflow):
    assert "No run failed" in look("home")["home-attention"]
    end(started(workflow), RunState.FAILED)
    assert "1</strong> Failed in 24 hours" in look("home")["home-attention"]


def test_home_is_drawn_anew_while_nothing_runs(look):
    with time_machine.travel(datetime(2030, 1, 1, tzinfo=UTC)) as clock:
        first = topics()["home"].marks({""}).get()
        clock.shift(timedelta(minutes=1))
        assert topics()["home"].marks({""}).get() != first


def test_home_shows_nothing_of_other_teams(look):
    started(WorkflowFactory(name="Secret payroll"))
    assert "Secret payroll" not in str(look("home"))


def test_a_list_of_runs_follows_them(look, workflow):
    run = started(workflow)
    rows = dict(json.loads(look("runs")["run-rows"]))
    assert "Running" in rows[str(run.pk)]["status"]
    end(run, RunState.FAILED)
    rows = dict(json.loads(look("runs")["run-rows"]))
    assert "Failed" in rows[str(run.pk)]["status"]


def test_a_list_of_runs_has_none_of_other_teams(look):
    started(WorkflowFactory())
    assert look("runs")["run-rows"] == "[]"


def test_a_waiting_run_says_why_in_the_list(look, workflow, pool):
    Pool.objects.update(is_paused=True)
    run = RunFactory(workflow=workflow, pool=pool.name, state=RunState.SCHEDULED)
    rows = dict(json.loads(look("runs")["run-rows"]))
    assert "etl-pool&#x27; is paused" in rows[str(run.pk)]["status"]


def test_pools_follow_a_pause(look, pool):
    assert "Paused" not in look("pools")["pool-load"]
    Pool.objects.filter(pk=pool.pk).update(is_paused=True)
    assert "Paused" in look("pools")["pool-load"]


def test_a_pool_follows_the_runs_in_its_slots(look, pool, workflow):
    topic = f"pool:{pool.pk}"
    assert "0 of 3 taken" in look(topic)["pool-runs"]
    started(workflow, pool=pool.name)
    assert "1 of 3 taken" in look(topic)["pool-runs"]


def test_a_pool_names_no_run_of_another_team(look, pool):
    started(WorkflowFactory(name="Secret payroll"), pool=pool.name)
    shown = look(f"pool:{pool.pk}")
    assert "1 of 3 taken" in shown["pool-runs"]
    assert "Secret payroll" not in str(shown)


def test_a_pool_reserved_for_another_team_is_not_shown(look, pool):
    pool.teams.add(TeamFactory())
    assert look(f"pool:{pool.pk}") is None


def test_a_workflow_follows_its_registration(look, workflow):
    topic = f"workflow:{workflow.pk}"
    assert "no pool takes it" not in look(topic)["registration-status"]
    failed = {"state": RegistrationState.FAILED, "reason": "no pool takes it"}
    Registration.objects.filter(workflow=workflow).update(**failed)
    assert "no pool takes it" in look(topic)["registration-status"]


def test_a_workflow_follows_its_runs(look, workflow):
    topic = f"workflow:{workflow.pk}"
    assert "No runs yet" in look(topic)["workflow-overview"]
    run = started(workflow)
    assert "Running" in look(topic)["workflow-overview"]
    end(run, RunState.FAILED)
    assert "Failed" in look(topic)["workflow-overview"]


def test_a_workflow_of_another_team_is_not_shown(look):
    assert look(f"workflow:{WorkflowFactory().pk}") is None


@pytest.mark.parametrize(("state", "is_redrawn"), [("SCHEDULED", False), ("RUNNING", True)])
def test_a_workflow_is_redrawn_often_only_while_it_runs(workflow, state, is_redrawn):
    later = timezone.now() + timedelta(hours=3)
    RunFactory(workflow=workflow, state=state, expected_at=later)
    marks = set()
    for second in (5, 15):
        with time_machine.travel(datetime(2026, 11, 1, 12, 0, second, tzinfo=UTC), tick=False):
            marks |= set(topics()["workflow"].marks([str(workflow.pk)]))
    assert (len(marks) == 2) is is_redrawn


def test_all_topics_cost_one_query_as_long_as_nothing_changes(
    look, workflow, pool, django_assert_max_num_queries
):
    RunFactory(workflow=workflow, state=RunState.COMPLETED)
    wanted = ("home", "runs", "pools", f"pool:{pool.pk}", f"workflow:{workflow.pk}")
    before = look(*wanted)
    # The query of the look, and the three that let this page in.
    with django_assert_max_num_queries(4 + 4):
        assert look(*wanted) == before


def test_somebody_without_a_team_is_shown_no_pools():
    nobody = UserFactory(password=None)
    assert topics()["pools"].visible(nobody, {""}) == set()
