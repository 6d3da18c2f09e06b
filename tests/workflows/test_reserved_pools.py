"""Pools that are kept for some teams, from the row to the run."""

from __future__ import annotations

import pytest
from factories import TeamFactory, WorkerSeenFactory, definition

from workers.models import Pool, PoolAssignment
from workers.prefect.memory import InMemoryGateway
from workers.provisioning import ensure_pools
from workflows import registration
from workflows.models import RegistrationOutbox, Team, Workflow
from workflows.services.editing import DefinitionRejected
from workflows.services.falling_back import move_late_runs
from workflows.services.running import NotRunnable, run_now

pytestmark = pytest.mark.django_db


@pytest.fixture
def reserve(prefect: InMemoryGateway):
    """Make a pool without thresholds that only these teams use."""

    def make(*teams: Team, name: str = "own-pool", rank: int = 15) -> Pool:
        pool = Pool.objects.create(name=name, rank=rank, public_key=Pool.objects.first().public_key)
        pool.teams.set(teams)
        ensure_pools()
        prefect.put_online(pool.name)
        WorkerSeenFactory(pool=pool)
        return pool

    return make


def test_a_teams_workflows_go_to_its_own_pool(reserve, shop, save):
    reserve(shop.team)
    workflow = save()
    registration.register(workflow.pk)
    assigned = PoolAssignment.objects.get(workflow=workflow)
    assert assigned.pool.name == "own-pool"
    assert f"reserved for {shop.team.name}" in assigned.receipt["summary"]
    assert run_now(workflow=workflow).pool == "own-pool"


def test_no_other_teams_workflow_goes_there_nor_learns_of_it(reserve, save):
    reserve(TeamFactory())
    workflow = save()
    registration.register(workflow.pk)
    assigned = PoolAssignment.objects.get(workflow=workflow)
    assert assigned.pool.name == "default-agent-pool"
    assert "own-pool" not in str(assigned.receipt)


def test_no_other_team_runs_there_by_asking_for_it(reserve, registered):
    reserve(TeamFactory())
    with pytest.raises(NotRunnable) as refusal:
        run_now(workflow=registered, preferred_pool="own-pool")
    assert refusal.value.code == "unknown_pool"


def test_no_other_team_saves_a_preference_for_it(reserve, save):
    reserve(TeamFactory())
    with pytest.raises(DefinitionRejected) as refusal:
        save(definition(preferred_pool="own-pool"))
    assert [problem.code for problem in refusal.value.problems] == ["unknown_pool"]


def test_reserving_the_pool_a_workflow_is_on_moves_it(reserve, registered):
    pool = Pool.objects.get(name=registered.assignment.pool.name)
    pool.teams.add(TeamFactory())
    outbox = RegistrationOutbox.objects.get(pk=registered.pk)
    assert outbox.generation > outbox.done_generation
    assert registration.register(registered.pk) == "registered"
    assert PoolAssignment.objects.get(workflow=registered).pool != pool


def test_between_reserving_and_moving_no_run_goes_there(registered):
    pool = Pool.objects.get(name=registered.assignment.pool.name)
    pool.teams.add(TeamFactory())
    assert run_now(workflow=registered).pool != pool.name


def test_nothing_falls_back_to_a_pool_of_another_team(reserve, registered, prefect):
    reserve(TeamFactory(), rank=99)
    Pool.objects.exclude(name="own-pool").update(is_paused=True)
    ensure_pools()
    assert move_late_runs() == []
    assert run_now(workflow=Workflow.objects.get(pk=registered.pk)).pool != "own-pool"
