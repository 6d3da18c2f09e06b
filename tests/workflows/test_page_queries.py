"""What each page asks of the database, as each role; more teams, rows and runs ask no more."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from factories import (
    MembershipFactory,
    NodeFactory,
    NodeRunFactory,
    PoolAssignmentFactory,
    RegistrationFactory,
    RunFactory,
    ScheduleFactory,
    TeamFactory,
    UserFactory,
    VersionFactory,
    WorkflowFactory,
)

from workers.models import Pool
from workflows.models import Role, Run, RunState, Team

pytestmark = pytest.mark.django_db
AT_MOST = 12
STATES = [RunState.COMPLETED, RunState.FAILED, RunState.RUNNING, RunState.SCHEDULED]


@pytest.fixture(autouse=True)
def static_root(settings):
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture
def crowd(prefect):
    """Three teams with two workflows each, of which each has a run in every state."""
    pool = Pool.objects.first()
    for team in TeamFactory.create_batch(3):
        for workflow in WorkflowFactory.create_batch(2, team=team):
            NodeFactory.create_batch(2, workflow=workflow)
            ScheduleFactory(workflow=workflow)
            PoolAssignmentFactory(workflow=workflow, pool=pool)
            registration = RegistrationFactory(workflow=workflow)
            registration.version, registration.pool = VersionFactory(workflow=workflow), pool.name
            registration.save()
            _make_runs(workflow, pool)


def _make_runs(workflow, pool):
    for state in STATES:
        version = workflow.versions.get()
        run = RunFactory(workflow=workflow, state=state, pool=pool.name, version=version)
        NodeRunFactory.create_batch(2, run=run, state=state)


@pytest.fixture(params=["superuser", "viewer", "operator", "editor", "admin"])
def visitor(request, crowd) -> Client:
    """Of all teams, so that nothing that is scoped is asked for less."""
    is_super = request.param == "superuser"
    user = UserFactory(password=None, is_staff=True, is_superuser=is_super)
    if not is_super:
        for team in Team.objects.all():
            MembershipFactory(user=user, team=team, role=Role[request.param.upper()])
    client = Client()
    client.force_login(user)
    return client


def _addresses():
    """Page → its address, and those of the parts that a page loads by itself."""
    run = Run.objects.filter(state=RunState.FAILED).first()
    pool = Pool.objects.first()
    return {
        "home": reverse("admin:index"),
        "workflow list": reverse("admin:workflows_workflow_changelist"),
        "search": reverse("admin:workflows_workflow_changelist") + "?q=Workflow",
        "palette": reverse("admin:search") + "?s=Workflow",
        "workflow": reverse("admin:workflows_workflow_change", args=[run.workflow_id]),
        "overview": reverse("workflows:workflow-overview", args=[run.workflow_id]),
        "run list": reverse("admin:workflows_run_changelist"),
        "run": reverse("admin:workflows_run_change", args=[run.pk]),
        "pools": reverse("admin:workers_pool_changelist"),
        "pool": reverse("admin:workers_pool_change", args=[pool.pk]),
        "pool runs": reverse("workflows:pool-runs", args=[pool.pk]),
        "log": reverse("workflows:run-log-index", args=[run.pk]),
        "lines": reverse("workflows:run-log-lines", args=[run.pk]),
        "logs": reverse("admin:workflows_workflow_logs", args=[run.workflow_id]),
    }


def test_no_page_asks_the_database_more_than_twelve_times(visitor):
    asked = {}
    for page, address in _addresses().items():
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            assert visitor.get(address).status_code == 200, page
        asked[page] = [query["sql"] for query in queries]
    too_many = {page: sql for page, sql in asked.items() if len(sql) > AT_MOST}
    assert not too_many
