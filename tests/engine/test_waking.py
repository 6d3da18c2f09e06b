"""A worker that is told of a run takes it though its next look is an hour away."""

from __future__ import annotations

import multiprocessing
import socket
import uuid
from collections.abc import Iterator

import pytest
from redis import Redis
from waiting import wait_for

from engine.warm.api import PrefectApi
from engine.warm.lines import Line
from engine.warm.pool import Pace, PoolWorker
from engine.warm.waking import channel
from workers.prefect.client import HttpGateway
from workers.prefect.gateway import DeploymentSpec

HOUR = 3600


def _take_runs(api_url: str, wake_url: str, pool: str, end: socket.socket) -> None:
    pace = Pace(poll=HOUR, poll_when_woken=HOUR)
    PoolWorker(pool, PrefectApi(api_url), Line(end), wake_url=wake_url, pace=pace).run()


@pytest.fixture
def gateway(prefect_server: str) -> Iterator[HttpGateway]:
    gateway = HttpGateway(prefect_server)
    yield gateway
    gateway.close()


@pytest.fixture
def pool(gateway: HttpGateway, prefect_server: str, redis_server: str) -> Iterator[str]:
    """A pool whose worker has looked for runs once, and listens."""
    name = f"pool-{uuid.uuid4().hex[:8]}"
    gateway.ensure_pool(name, concurrency_limit=2, is_paused=False)
    ours, theirs = socket.socketpair()
    arguments = (prefect_server, redis_server, name, theirs)
    worker = multiprocessing.get_context("spawn").Process(target=_take_runs, args=arguments)
    worker.start()
    theirs.close()
    with Redis.from_url(redis_server) as redis:
        wait_for("the worker listens", lambda: redis.pubsub_numsub(channel(name))[0][1])
    wait_for("the worker has looked", lambda: gateway.pool_status(name).workers_online)
    yield name
    ours.close()
    worker.join()


def test_a_woken_worker_takes_a_run_at_once(
    gateway: HttpGateway, pool: str, redis_server: str
) -> None:
    spec = DeploymentSpec(name="wf", pool=pool, parameters={"plan": {}}, tags=())
    run = gateway.create_run(gateway.upsert_deployment(spec).id)

    with Redis.from_url(redis_server) as redis:
        redis.publish(channel(pool), b"")

    wait_for("the run is taken", lambda: gateway.run(run.id).state == "PENDING")
