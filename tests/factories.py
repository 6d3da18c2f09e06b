"""One factory per model; a test names only what matters to it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import factory
from django.contrib.auth import get_user_model
from factory.django import DjangoModelFactory

from workers.models import Pool, PoolAssignment, PoolSample, WorkerSeen
from workflows import models
from workflows.definition import Definition


class UserFactory(DjangoModelFactory):
    class Meta:
        model = get_user_model()

    username = factory.Sequence(lambda n: f"user{n}")
    password = factory.django.Password("secret")


class TeamFactory(DjangoModelFactory):
    class Meta:
        model = models.Team

    name = factory.Sequence(lambda n: f"Team {n}")
    slug = factory.Sequence(lambda n: f"team-{n}")


class MembershipFactory(DjangoModelFactory):
    class Meta:
        model = models.Membership

    team = factory.SubFactory(TeamFactory)
    user = factory.SubFactory(UserFactory)
    role = models.Role.EDITOR


class ApiTokenFactory(DjangoModelFactory):
    class Meta:
        model = models.ApiToken

    team = factory.SubFactory(TeamFactory)
    name = "token"
    prefix = factory.Sequence(lambda n: f"{n:012d}")
    digest = "0" * 64


class AlertChannelFactory(DjangoModelFactory):
    class Meta:
        model = models.AlertChannel

    team = factory.SubFactory(TeamFactory)
    name = factory.Sequence(lambda n: f"Channel {n}")
    kind = "email"
    options = factory.LazyFunction(lambda: {"to": ["ops@example.org"]})


class AlertRuleFactory(DjangoModelFactory):
    class Meta:
        model = models.AlertRule
        skip_postgeneration_save = True

    team = factory.SubFactory(TeamFactory)
    name = factory.Sequence(lambda n: f"Rule {n}")
    event = models.AlertEvent.FAILURE

    @factory.post_generation
    def channels(self, create: bool, extracted: Any, **_: Any) -> None:
        self.channels.set(extracted or ())


class AlertDeliveryFactory(DjangoModelFactory):
    class Meta:
        model = models.AlertDelivery

    channel = factory.SubFactory(AlertChannelFactory)
    subject = "a message"
    message = factory.LazyAttribute(lambda delivery: {"subject": delivery.subject, "lines": ["x"]})
    due_at = factory.LazyFunction(lambda: datetime.now(UTC))


class ConnectionFactory(DjangoModelFactory):
    class Meta:
        model = models.Connection

    team = factory.SubFactory(TeamFactory)
    slug = factory.Sequence(lambda n: f"connection-{n}")
    name = factory.SelfAttribute("slug")
    connector = "postgresql"


class WorkflowFactory(DjangoModelFactory):
    class Meta:
        model = models.Workflow

    team = factory.SubFactory(TeamFactory)
    name = factory.Sequence(lambda n: f"Workflow {n}")
    slug = factory.Sequence(lambda n: f"workflow-{n}")


class NodeFactory(DjangoModelFactory):
    class Meta:
        model = models.Node

    workflow = factory.SubFactory(WorkflowFactory)
    key = factory.Sequence(lambda n: f"node{n}")
    kind = "filter"
    position = factory.Sequence(int)


class DependencyFactory(DjangoModelFactory):
    class Meta:
        model = models.Dependency

    workflow = factory.SelfAttribute("source.workflow")
    source = factory.SubFactory(NodeFactory)
    target = factory.SubFactory(NodeFactory, workflow=factory.SelfAttribute("..source.workflow"))


class ScheduleFactory(DjangoModelFactory):
    class Meta:
        model = models.Schedule

    workflow = factory.SubFactory(WorkflowFactory)
    slug = factory.Sequence(lambda n: f"schedule-{n}")
    cron = "0 3 * * *"


class VersionFactory(DjangoModelFactory):
    class Meta:
        model = models.WorkflowVersion

    workflow = factory.SubFactory(WorkflowFactory)
    number = 1
    definition = factory.LazyAttribute(
        lambda version: {"name": version.workflow.name, "nodes": [], "parameters": {}}
    )
    fingerprint = "0" * 64


class RegistrationFactory(DjangoModelFactory):
    """The row exists since the workflow was saved: it is filled in."""

    class Meta:
        model = models.Registration
        django_get_or_create = ("workflow",)

    workflow = factory.SubFactory(WorkflowFactory)


class RunFactory(DjangoModelFactory):
    class Meta:
        model = models.Run

    id = factory.LazyFunction(uuid.uuid4)
    workflow = factory.SubFactory(WorkflowFactory)
    created_at = factory.LazyFunction(lambda: datetime.now(UTC))


class NodeRunFactory(DjangoModelFactory):
    class Meta:
        model = models.NodeRun

    run = factory.SubFactory(RunFactory)
    node_key = factory.Sequence(lambda n: f"node{n}")


class PoolFactory(DjangoModelFactory):
    class Meta:
        model = Pool

    name = factory.Sequence(lambda n: f"pool-{n}")
    rank = factory.Sequence(lambda n: 100 + n)


class PoolAssignmentFactory(DjangoModelFactory):
    class Meta:
        model = PoolAssignment

    workflow = factory.SubFactory(WorkflowFactory)
    pool = factory.SubFactory(PoolFactory)
    reason = PoolAssignment.Reason.RULE


class WorkerSeenFactory(DjangoModelFactory):
    class Meta:
        model = WorkerSeen

    pool = factory.SubFactory(PoolFactory)
    name = factory.Sequence(lambda n: f"worker-{n}")
    is_online = True


class PoolSampleFactory(DjangoModelFactory):
    class Meta:
        model = PoolSample

    pool = factory.SubFactory(PoolFactory)
    taken_at = factory.LazyFunction(lambda: datetime.now(UTC))
    active = 0
    queued = 0
    workers_online = 1


def definition(filters: int = 1, **overrides: Any) -> Definition:
    """A chain from ``shop``'s orders through filters into its archive."""
    keys = ["read", *(f"keep{n}" for n in range(filters)), "write"]
    source = {"connection": "shop", "schema": "public", "table": "orders"}
    target = {"connection": "shop", "schema": "public", "table": "archive", "mode": "append"}
    nodes = [
        {"key": "read", "kind": "database_source", "config": source},
        *({"key": k, "kind": "filter", "config": {"condition": "amount > 5"}} for k in keys[1:-1]),
        {"key": "write", "kind": "database_target", "config": target},
    ]
    edges = [{"source": a, "target": b} for a, b in pairwise(keys)]
    whole = {"name": "Archive orders", "nodes": nodes, "dependencies": edges, **overrides}
    return Definition.model_validate(whole)
