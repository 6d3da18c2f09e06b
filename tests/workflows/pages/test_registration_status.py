from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from factories import MembershipFactory, UserFactory, WorkflowFactory

from workflows.models import Registration, RegistrationState, Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def workflow():
    return WorkflowFactory()


@pytest.fixture
def viewer(workflow):
    user = UserFactory(password=None)
    MembershipFactory(user=user, team=workflow.team, role=Role.VIEWER)
    client = Client()
    client.force_login(user)
    return client


def fragment(workflow) -> str:
    return reverse("workflows:registration-status", args=[workflow.pk])


@pytest.mark.parametrize("state", ["pending", "registering", "retrying"])
def test_a_registration_under_way_polls_on(viewer, workflow, state):
    Registration.objects.update(state=state)
    answer = viewer.get(fragment(workflow))
    assert answer.status_code == 200
    assert 'hx-trigger="every 1s"' in answer.content.decode()


@pytest.mark.parametrize("state", ["registered", "failed", "disabled"])
def test_polling_stops_when_it_has_come_to_an_end(viewer, workflow, state):
    Registration.objects.update(state=state)
    answer = viewer.get(fragment(workflow))
    assert answer.status_code == 286
    assert "hx-trigger" not in answer.content.decode()


def test_a_failure_without_issues_gives_its_reason(viewer, workflow):
    Registration.objects.update(state=RegistrationState.FAILED, reason="no pool takes it")
    assert "no pool takes it" in viewer.get(fragment(workflow)).content.decode()


def test_another_teams_registration_does_not_exist(viewer):
    assert viewer.get(fragment(WorkflowFactory())).status_code == 404
