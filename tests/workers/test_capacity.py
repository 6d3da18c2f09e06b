from __future__ import annotations

from importlib import import_module

import pytest

from workers.capacity import pool_states
from workers.models import Pool
from workers.prefect.current import use_gateway
from workers.prefect.memory import InMemoryGateway
from workers.provisioning import ensure_pools
from workflows.models import Team

pytestmark = pytest.mark.django_db

POOLS = import_module("workers.migrations.0003_three_pools").POOLS


@pytest.fixture(autouse=True)
def pools() -> None:
    for pool in POOLS:
        Pool.objects.update_or_create(name=pool["name"], defaults=pool)


@pytest.fixture
def team() -> Team:
    return Team.objects.create(name="Shop", slug="shop")


def test_an_installation_starts_with_three_pools() -> None:
    limits = dict(Pool.objects.values_list("name", "concurrency_limit"))

    assert limits == {"default-agent-pool": 5, "etl-pool": 3, "high-memory-pool": 2}


def test_prefect_gets_every_pool_with_its_limit(team: Team) -> None:
    gateway = InMemoryGateway()
    with use_gateway(gateway):
        ensure_pools()

    assert {name: pool.concurrency_limit for name, pool in gateway.pools.items()} == {
        "default-agent-pool": 5,
        "etl-pool": 3,
        "high-memory-pool": 2,
    }


def test_the_load_is_prefects_and_the_thresholds_are_ours(team: Team) -> None:
    gateway = InMemoryGateway()
    with use_gateway(gateway):
        ensure_pools()
        gateway.put_online("etl-pool")
        state = next(one for one in pool_states(team) if one.name == "etl-pool")

    assert (state.database_nodes_above, state.transforms_above) == (2, 3)
    assert (state.workers_online, state.active, state.limit) == (1, 0, 3)


def test_without_prefect_the_load_is_unknown_and_never_full(team: Team) -> None:
    gateway = InMemoryGateway()
    gateway.go_down()
    with use_gateway(gateway):
        states = pool_states(team)

    assert [(state.workers_online, state.active) for state in states] == [(None, None)] * 3
    assert not any(state.obstacle for state in states)


def test_a_reserved_pool_is_for_its_team_alone(team: Team) -> None:
    Pool.objects.create(name="own-pool", rank=15).teams.add(team)
    with use_gateway(InMemoryGateway()):
        mine = {state.name: state.reserved_for for state in pool_states(team)}
        theirs = [state.name for state in pool_states(Team(pk=team.pk + 1, name="Other"))]

    assert (mine["own-pool"], mine["etl-pool"]) == ("Shop", "")
    assert "own-pool" not in theirs
