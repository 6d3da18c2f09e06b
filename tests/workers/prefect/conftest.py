from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest

from workers.prefect.client import HttpGateway
from workers.prefect.gateway import Deployment, DeploymentSpec, Gateway
from workers.prefect.memory import InMemoryGateway


@pytest.fixture
def http_gateway(prefect_server: str) -> Iterator[HttpGateway]:
    gateway = HttpGateway(prefect_server)
    yield gateway
    gateway.close()


@pytest.fixture(params=["memory", "http"])
def gateway(request: pytest.FixtureRequest) -> Gateway:
    """Both gateways in turn."""
    if request.param == "memory":
        return InMemoryGateway()
    return request.getfixturevalue("http_gateway")


@pytest.fixture
def pool(gateway: Gateway) -> str:
    """A work pool of its own for each test."""
    name = f"pool-{uuid.uuid4().hex[:8]}"
    gateway.ensure_pool(name, concurrency_limit=2, is_paused=False)
    return name


@pytest.fixture
def deploy(gateway: Gateway, pool: str) -> Callable[..., Deployment]:
    """Upserts a deployment; what is not named has a default."""

    def upsert(**changes: object) -> Deployment:
        spec = {
            "name": f"wf-1@{pool}",
            "pool": pool,
            "parameters": {"plan": {"steps": []}},
            "tags": ("flowadmin", f"workflow:{pool}"),
            **changes,
        }
        return gateway.upsert_deployment(DeploymentSpec(**spec))

    return upsert
