"""A team with a short policy, and runs of any age."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone
from factories import NodeRunFactory, RunFactory, TeamFactory, WorkflowFactory

from workflows.models import RetentionPolicy, RunState, Workflow


@pytest.fixture
def workflow() -> Workflow:
    return WorkflowFactory(team=TeamFactory(name="Shop"))


@pytest.fixture
def policy(workflow: Workflow, prefect: object) -> RetentionPolicy:
    return RetentionPolicy.objects.create(team=workflow.team, run_days=10, runs_kept=1)


@pytest.fixture
def run() -> Callable[..., UUID]:
    """A run of that many days ago."""

    def make(workflow: Workflow, days: float, state: str = RunState.COMPLETED) -> UUID:
        at = timezone.now() - timedelta(days=days)
        ended = at if state not in (RunState.RUNNING, RunState.SCHEDULED) else None
        made = RunFactory(workflow=workflow, state=state, created_at=at, ended_at=ended)
        NodeRunFactory(run=made)
        return made.pk

    return make
