from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from factories import MembershipFactory, RunFactory, TeamFactory, UserFactory

from workers import signs
from workflows.models import RunState

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clean(settings):
    cache.clear()
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture
def member():
    return MembershipFactory(user=UserFactory(is_staff=True))


@pytest.fixture
def show(member, pools, prefect):
    """The text of the pool's fragment, as the member sees it."""

    def show(name: str = "etl-pool") -> str:
        client = Client()
        client.force_login(member.user)
        answer = client.get(f"/ui/pools/{pools[name].pk}/runs/")
        assert answer.status_code == 200
        return " ".join(answer.content.decode().split())

    return show


def run(team, state, minutes_ago=5, **more):
    at = timezone.now() - timedelta(minutes=minutes_ago)
    more = {"created_at": at, "expected_at": at, "pool": "etl-pool"} | more
    started = None if state == RunState.SCHEDULED else at
    return RunFactory(workflow__team=team, state=state, started_at=started, **more)


def test_a_slot_says_which_run_holds_it(show, member):
    held = run(member.team, RunState.RUNNING)
    page = show()
    assert "1 of 3 taken" in page
    assert f"/admin/workflows/run/{held.pk}/change/" in page


def test_a_run_of_another_team_is_counted_and_not_named(show):
    run(TeamFactory(), RunState.RUNNING, workflow__name="Secret payroll")
    page = show()
    assert "1 of 3 taken" in page
    assert "a run of another team" in page
    assert "Secret payroll" not in page


def test_a_run_that_gave_no_sign_of_life_is_called_silent(show, member):
    run(member.team, RunState.RUNNING)
    signs.remember([])
    assert "Silent for 90 s" in show()


def test_what_prefect_was_not_asked_about_is_not_called_silent(show, member):
    run(member.team, RunState.RUNNING)
    assert "Silent" not in show()


def test_the_queue_tells_the_oldest_wait(show, member):
    run(member.team, RunState.SCHEDULED, minutes_ago=7)
    run(member.team, RunState.SCHEDULED, minutes_ago=-7)
    page = show()
    assert "1 waiting, the oldest for 7 min" in page


def test_a_paused_pool_with_runs_drains(show, member, pools):
    pools["etl-pool"].is_paused = True
    pools["etl-pool"].save()
    run(member.team, RunState.RUNNING)
    assert "The pool drains" in show()


def test_figures_are_of_the_last_day(show, member):
    for seconds in (10, 20, 30):
        ended = run(member.team, RunState.COMPLETED)
        ended.ended_at = ended.started_at + timedelta(seconds=seconds)
        ended.save()
    run(member.team, RunState.FAILED)
    run(member.team, RunState.FAILED, minutes_ago=3000)
    page = show()
    assert '<dt>Runs</dt><dd class="figure">4</dd>' in page
    assert '<dt>Success</dt><dd class="figure">75.0 %</dd>' in page
    assert '<dt>Duration, median</dt><dd class="figure">20.0 s</dd>' in page
