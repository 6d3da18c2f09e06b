"""A team with a real database and a Prefect in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from urllib.parse import urlsplit

import psycopg
import pytest
from django.core.cache import cache
from factories import ConnectionFactory, WorkerSeenFactory, definition

from engine.sealing import generate_keypair
from workers.models import Pool
from workers.prefect.current import use_gateway
from workers.prefect.memory import InMemoryGateway
from workers.provisioning import ensure_pools
from workflows import registration
from workflows.definition import Definition
from workflows.models import Connection, Workflow
from workflows.services.editing import save_definition

POOLS = import_module("workers.migrations.0003_three_pools").POOLS


@pytest.fixture
def pools(db) -> dict[str, Pool]:
    """The three pools of every installation; a transactional test before may have removed them."""
    for pool in POOLS:
        Pool.objects.update_or_create(name=pool["name"], defaults=pool)
    return {pool.name: pool for pool in Pool.objects.all()}


@pytest.fixture
def pool_keys(pools) -> dict[str, str]:
    """Pool → the private key of its workers."""
    keys = {}
    for pool in pools.values():
        keys[pool.name], pool.public_key = generate_keypair()
        pool.save()
    return keys


@pytest.fixture
def prefect(pool_keys) -> Iterator[InMemoryGateway]:
    """Prefect with the three pools, each with a worker online."""
    gateway = InMemoryGateway()
    with use_gateway(gateway):
        ensure_pools()
        for pool in Pool.objects.all():
            gateway.put_online(pool.name)
            WorkerSeenFactory(pool=pool)
        gateway.calls.clear()
        yield gateway


@pytest.fixture
def shop_url(make_database: Callable[[], str]) -> str:
    """A database with the tables that ``factories.definition`` reads and writes."""
    url = make_database()
    with psycopg.connect(url) as connection:
        connection.execute("create table orders (id int primary key, amount numeric(10,2))")
        connection.execute("create table archive (id int, amount numeric(10,2))")
    return url


@pytest.fixture
def shop(db, shop_url: str) -> Connection:
    """The connection ``shop`` of a team to that database."""
    cache.clear()
    address = urlsplit(shop_url)
    return ConnectionFactory(
        slug="shop",
        options={
            "host": address.hostname,
            "port": address.port,
            "database": address.path.strip("/"),
            "user": address.username,
        },
        secrets={"password": address.password or "any"},
    )


@pytest.fixture
def save(shop: Connection, prefect: InMemoryGateway) -> Callable[..., Workflow]:
    """Save a definition in the team of ``shop``."""

    def save(given: Definition | None = None, workflow: Workflow | None = None) -> Workflow:
        return save_definition(team=shop.team, definition=given or definition(), workflow=workflow)

    return save


@pytest.fixture
def registered(save: Callable[..., Workflow]) -> Workflow:
    """A workflow of three nodes with a deployment in ``prefect``."""
    workflow = save(definition(parameters={"limit": 5}))
    assert registration.register(workflow.pk) == "registered"
    return workflow
