from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from factories import (
    MembershipFactory,
    PoolAssignmentFactory,
    RegistrationFactory,
    TeamFactory,
    UserFactory,
    VersionFactory,
    WorkflowFactory,
)

from workers.models import Pool
from workers.prefect.gateway import DeploymentSpec
from workers.prefect.memory import InMemoryGateway
from workflows.models import RegistrationState, Role, Team, Workflow


@pytest.fixture(autouse=True)
def static_root(settings) -> None:
    """The middleware that serves static files warns of a folder that is not there."""
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture
def team() -> Team:
    return TeamFactory(name="Shop", slug="shop")


@pytest.fixture
def as_role(team: Team) -> Callable[..., Client]:
    """A client logged in as a member of ``team`` who may enter the admin."""

    def log_in(role: Role, of: Team = team) -> Client:
        user = UserFactory(password=None, is_staff=True)
        MembershipFactory(user=user, team=of, role=role)
        client = Client()
        client.force_login(user)
        return client

    return log_in


@pytest.fixture
def editor(as_role: Callable[..., Client]) -> Client:
    return as_role(Role.EDITOR)


@pytest.fixture
def stranger(as_role: Callable[..., Client]) -> Client:
    return as_role(Role.ADMIN, TeamFactory())


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(UserFactory(password=None, is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def registered(team: Team, prefect: InMemoryGateway) -> Workflow:
    """A workflow with a deployment on the default pool."""
    workflow = WorkflowFactory(team=team, name="Orders", slug="orders")
    pool = Pool.objects.get(name="default-agent-pool")
    tags = ("flowadmin", f"workflow:{workflow.pk}")
    spec = DeploymentSpec(name=f"wf-{workflow.pk}", pool=pool.name, parameters={}, tags=tags)
    deployment = prefect.upsert_deployment(spec)
    registration = RegistrationFactory(workflow=workflow)
    registration.state = RegistrationState.REGISTERED
    registration.version = VersionFactory(workflow=workflow)
    registration.deployment_id, registration.pool = deployment.id, pool.name
    registration.save()
    PoolAssignmentFactory(workflow=workflow, pool=pool)
    return workflow
