from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone
from factories import MembershipFactory, RunFactory, UserFactory

from workflows.models import Membership, Preferences, Role, Run, RunState
from workflows.pages.polling import topics
from workflows.streams.audience import Login
from workflows.streams.ticket import mint, read
from workflows.streams.watcher import RIGHTS_SECONDS, Watcher

pytestmark = pytest.mark.django_db


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def watcher(clock):
    return Watcher(topics(), clock)


@pytest.fixture
def run():
    return RunFactory(state=RunState.COMPLETED, state_name="Completed", state_at=timezone.now())


def login(user, *wanted: str) -> Login:
    session = SessionStore()
    session.create()
    return Login(read(mint(user, session.session_key, wanted)), session.session_key)


def teammate(run: Run, role: Role = Role.VIEWER):
    return MembershipFactory(user__password=None, team=run.workflow.team, role=role).user


def test_who_may_see_a_run_sees_its_parts(watcher, run):
    viewer = login(teammate(run), f"run:{run.pk}")
    parts = watcher.look([viewer])[viewer].parts
    assert "Completed" in parts["run-summary"][1]
    assert parts["run-state"][1] == "COMPLETED"


def test_a_run_of_another_team_is_not_shown(watcher, run):
    stranger = login(MembershipFactory(user__password=None, role=Role.ADMIN).user, f"run:{run.pk}")
    assert watcher.look([stranger]) == {}


def test_one_topic_that_is_not_theirs_shuts_out_from_all(watcher, run):
    other = RunFactory()
    assert watcher.look([login(teammate(run), f"run:{run.pk}", f"run:{other.pk}")]) == {}


@pytest.mark.parametrize("topic", ["run:no-id", "run", "nothing:1", ""])
def test_a_topic_that_does_not_exist_is_not_shown(watcher, run, topic):
    assert watcher.look([login(UserFactory(is_superuser=True), topic)]) == {}


def test_a_look_at_what_has_not_changed_costs_one_query(watcher, run, django_assert_num_queries):
    guests = [login(teammate(run), f"run:{run.pk}") for _ in range(5)]
    watcher.look(guests)
    with django_assert_num_queries(1):
        watcher.look(guests)


def test_parts_are_made_once_for_all_with_the_same_rights(watcher, run):
    one, other = (login(teammate(run), f"run:{run.pk}") for _ in range(2))
    shown = watcher.look([one, other])
    assert shown[one] is shown[other]


def test_times_are_told_in_the_zone_of_each(watcher, run):
    Run.objects.update(started_at=datetime(2026, 7, 1, 12, tzinfo=UTC))
    here = login(teammate(run), f"run:{run.pk}")
    there = replace(here, zone=ZoneInfo("Asia/Tokyo"))
    shown = watcher.look([here, there])
    assert "12:00:00 UTC" in shown[here].parts["run-summary"][1]
    assert "21:00:00 JST" in shown[there].parts["run-summary"][1]


def test_the_zone_that_a_user_chose_comes_before_the_browsers(watcher, run):
    Run.objects.update(started_at=datetime(2026, 7, 1, 12, tzinfo=UTC))
    user = teammate(run)
    Preferences.objects.create(user=user, zone="Asia/Tokyo")
    viewer = replace(login(user, f"run:{run.pk}"), zone=ZoneInfo("Europe/Paris"))
    assert "21:00:00 JST" in watcher.look([viewer])[viewer].parts["run-summary"][1]


def test_what_has_changed_is_made_anew(watcher, run):
    guest = login(teammate(run), f"run:{run.pk}")
    watcher.look([guest])
    Run.objects.update(state=RunState.FAILED, state_name="Failed", message="it broke")
    assert "it broke" in watcher.look([guest])[guest].parts["run-summary"][1]


def lose_membership(user) -> None:
    Membership.objects.filter(user=user).delete()


def be_deactivated(user) -> None:
    user.is_active = False
    user.save()


def change_password(user) -> None:
    user.set_password("another")
    user.save()


@pytest.mark.parametrize("lose", [lose_membership, be_deactivated, change_password])
def test_lost_rights_end_the_view(watcher, run, clock, lose):
    user = teammate(run)
    guest = login(user, f"run:{run.pk}")
    assert watcher.look([guest])
    lose(user)
    clock.now += RIGHTS_SECONDS
    assert watcher.look([guest]) == {}


def test_the_end_of_the_session_ends_the_view(watcher, run, clock):
    guest = login(teammate(run), f"run:{run.pk}")
    assert watcher.look([guest])
    SessionStore(guest.proof).delete()
    clock.now += RIGHTS_SECONDS
    assert watcher.look([guest]) == {}


def test_a_ticket_does_not_serve_another_session(watcher, run):
    guest = login(teammate(run), f"run:{run.pk}")
    other = login(teammate(run))
    assert watcher.look([Login(guest.ticket, other.proof)]) == {}


def test_a_run_that_is_gone_shows_nothing_more(watcher, run):
    guest = login(teammate(run), f"run:{run.pk}")
    watcher.look([guest])
    run.delete()
    assert watcher.look([guest])[guest].parts == {}
