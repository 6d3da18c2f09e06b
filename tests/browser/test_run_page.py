from __future__ import annotations

import pytest
from django.urls import reverse
from factories import MembershipFactory, NodeRunFactory, RunFactory, WorkflowFactory

from workflows.models import Role, RunState


@pytest.fixture
def run(site):
    run = RunFactory(workflow=WorkflowFactory(name="Orders"), state=RunState.RUNNING)
    NodeRunFactory(run=run, node_key="read", state=RunState.RUNNING)
    return run


@pytest.fixture
def viewer(run, sign_in):
    member = MembershipFactory(
        user__password=None, user__is_staff=True, team=run.workflow.team, role=Role.VIEWER
    )
    return sign_in(member.user)


def test_a_viewer_sees_the_nodes_of_a_run(viewer, run):
    viewer.goto(reverse("admin:workflows_run_change", args=[run.pk]))
    assert viewer.get_by_role("cell", name="read", exact=True).is_visible()
