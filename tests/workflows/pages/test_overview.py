from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from factories import MembershipFactory, ScheduleFactory, UserFactory, WorkflowFactory

from workflows.models import Role

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def static_root(settings):
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture
def workflow():
    return WorkflowFactory()


def shown(workflow, role: Role, **cookies: str) -> str:
    user = UserFactory(username=f"the-{role.label}", is_staff=True)
    MembershipFactory(team=workflow.team, user=user, role=role)
    client = Client()
    client.force_login(user)
    client.cookies.load(cookies)
    return " ".join(client.get(f"/ui/workflows/{workflow.pk}/overview/").content.decode().split())


def test_starts_are_told_in_both_zones(workflow):
    ScheduleFactory(workflow=workflow, cron="0 3 1 1 *", timezone="Asia/Tokyo")
    page = shown(workflow, Role.VIEWER, flowadmin_zone="UTC")
    assert page.count("<time datetime=") == 5
    assert "31 Dec 18:00" in page
    assert "01 Jan 03:00" in page


def test_a_paused_workflow_has_no_next_start(workflow):
    ScheduleFactory(workflow=workflow)
    workflow.is_paused = True
    workflow.save()
    assert "<time datetime=" not in shown(workflow, Role.VIEWER)


def test_everybody_is_told_what_the_own_role_may(workflow):
    page = shown(workflow, Role.OPERATOR)
    assert "you are operator" in page
    assert "Members</th>" not in page


def test_admins_see_who_the_members_are(workflow):
    assert "<td>the-admin</td>" in shown(workflow, Role.ADMIN)
