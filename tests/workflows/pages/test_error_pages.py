from __future__ import annotations

from uuid import uuid4

import pytest
from django.urls import reverse
from factories import MembershipFactory, RunFactory

from workflows.models import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(client):
    membership = MembershipFactory(user__is_staff=True, user__password=None, role=Role.VIEWER)
    client.force_login(membership.user)
    return client


def test_a_page_that_is_not_there_leads_home(viewer):
    answer = viewer.get(f"/admin/workflows/run/{uuid4()}/change/")
    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()
    assert f'href="{reverse("admin:index")}"' in answer.content.decode()


def test_what_another_team_has_looks_like_what_is_not_there(viewer):
    theirs = viewer.get(reverse("admin:workflows_run_change", args=[RunFactory().pk]))
    nobodys = viewer.get(reverse("admin:workflows_run_change", args=[uuid4()]))
    assert theirs.content.decode() == nobodys.content.decode()


def test_what_the_role_forbids_is_said_with_whom_to_ask(viewer):
    answer = viewer.get(reverse("admin:workflows_workflow_add"))
    assert answer.status_code == 403
    assert "Ask an administrator of the team" in answer.content.decode()
