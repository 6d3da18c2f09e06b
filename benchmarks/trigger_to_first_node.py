"""From the trigger of a run to its first node running, on a warm pool.

``flowadmin``        a warm worker, woken over Redis; a plan that moves a row to another table
``prefect_default``  a plain Prefect process worker as it comes (poll 10 s, cold process), with
                     a flow of one trivial task

Both on one Prefect server of their own, one after the other. Seconds from before the call
that creates the run to the start time of its first task run; medians.
"""

from __future__ import annotations

import os
import random
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
from redis import Redis

from benchmarks.result import Result
from engine.sealing import generate_keypair, seal
from engine.warm.waking import channel
from flowadmin.embedded import postgres, prefect, redis
from flowadmin.embedded.part import free_port
from flowadmin.supervisor.running import running
from workers.prefect.client import HttpGateway
from workers.prefect.gateway import TERMINAL, DeploymentSpec

REPOSITORY = Path(__file__).resolve().parent.parent
TRIGGERS = 10
_TARGET_S = 0.7
_TARGET_RATIO = 10.0

_TRIVIAL = """
from prefect import flow, task

@task
def first():
    pass

@flow
def trivial():
    first()
"""

Trigger = Callable[[], UUID]


def measure() -> Iterator[Result]:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flowadmin-trigger-")))
        home.chmod(0o755)  # PostgreSQL's account must be able to enter.
        parts = _Parts(stack, home)
        with _warm_worker(parts) as trigger:
            ours = _median(parts.gateway, trigger)
        with _plain_worker(parts) as trigger:
            plain = _median(parts.gateway, trigger)
    yield Result(
        "flowadmin",
        "median_s",
        ours,
        "s",
        baseline=plain,
        ratio=ours / plain,
        target=_TARGET_S,
        ok=ours <= _TARGET_S and plain / ours >= _TARGET_RATIO,
    )
    yield Result("prefect_default", "median_s", plain, "s")


class _Parts:
    """PostgreSQL, Redis and Prefect, started for this measurement alone."""

    def __init__(self, stack: ExitStack, home: Path) -> None:
        self.home = home
        password = secrets.token_hex(8)
        choice = os.environ.get("FLOWADMIN_POSTGRES", "auto")
        cluster = postgres.cluster(home, free_port(), password, choice, is_durable=False)
        stack.enter_context(running(postgres.server(cluster)))
        redis_port, prefect_port = free_port(), free_port()
        stack.enter_context(running(redis.server(home, redis_port, password)))
        self.redis_url = redis.url(redis_port, password)
        server = cluster.url(role="postgres")
        self.password = password
        self.port = cluster.port
        _run(f"{server}/postgres", "create database shop")
        self.shop = f"{server}/shop"
        _run(self.shop, "create table orders as select 1 as id")
        _run(self.shop, "create table loaded (id bigint)")
        stack.enter_context(running(prefect.server(home, prefect_port, f"{server}/prefect")))
        self.api_url = prefect.url(prefect_port)
        self.gateway = HttpGateway(self.api_url)


@contextmanager
def _warm_worker(parts: _Parts) -> Iterator[Trigger]:
    private, public = generate_keypair()
    (parts.home / "warm.key").write_text(private)
    parts.gateway.ensure_pool("warm", concurrency_limit=2, is_paused=False)
    spec = DeploymentSpec(
        name="wf@warm",
        pool="warm",
        parameters={"plan": _plan(parts, public)},
        tags=("flowadmin",),
    )
    deployment = parts.gateway.upsert_deployment(spec)
    settings = {"FLOWADMIN_POOL_KEYS": str(parts.home), "FLOWADMIN_WAKE_URL": parts.redis_url}
    command = [sys.executable, "-m", "engine.worker", "--pool", "warm"]
    with _process(parts, command, settings), Redis.from_url(parts.redis_url) as words:

        def trigger() -> UUID:
            run = parts.gateway.create_run(deployment.id)
            words.publish(channel("warm"), b"")
            return run.id

        _await(lambda: words.pubsub_numsub(channel("warm"))[0][1])
        yield trigger


@contextmanager
def _plain_worker(parts: _Parts) -> Iterator[Trigger]:
    (parts.home / "trivial.py").write_text(_TRIVIAL)
    parts.gateway.ensure_pool("plain", concurrency_limit=2, is_paused=False)
    flow = _post(parts, "/flows/", {"name": "trivial"})["id"]
    wanted = {"name": "plain", "flow_id": flow, "work_pool_name": "plain", "paused": False}
    made = _post(parts, "/deployments/", {**wanted, "entrypoint": "trivial.trivial"})
    prefect = str(Path(sys.executable).with_name("prefect"))
    command = [prefect, "worker", "start", "--pool", "plain", "--type", "process"]
    with _process(parts, command, {"PYTHONPATH": str(parts.home)}):
        _await(lambda: any(worker.is_online for worker in parts.gateway.workers("plain")))
        yield lambda: parts.gateway.create_run(UUID(made["id"])).id


@contextmanager
def _process(parts: _Parts, command: list[str], settings: dict[str, str]) -> Iterator[None]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    api = {"PREFECT_API_URL": parts.api_url, "PREFECT_HOME": str(parts.home / "worker")}
    quiet = {"PREFECT_LOGGING_LEVEL": "WARNING"}
    started = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env={**kept, **api, **quiet, **settings},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        started.terminate()
        started.wait(timeout=60)


def _median(gateway: HttpGateway, trigger: Trigger) -> float:
    _seconds(gateway, trigger)  # the first one meets cold caches everywhere
    return statistics.median(_seconds(gateway, trigger) for _ in range(TRIGGERS))


def _seconds(gateway: HttpGateway, trigger: Trigger) -> float:
    # At no fixed distance from the last poll.
    time.sleep(1 + random.random() * 4)
    began = time.time()
    run_id = trigger()
    _await(lambda: gateway.run(run_id).state in TERMINAL)
    ended = gateway.run(run_id)
    if ended.state != "COMPLETED":
        raise RuntimeError(f"a run ended as {ended.state}: {ended.message}")
    starts: list[float] = []

    def has_started() -> bool:
        starts[:] = [
            one.started_at.timestamp() for one in gateway.task_runs([run_id]) if one.started_at
        ]
        return bool(starts)

    _await(has_started)
    return min(starts) - began


def _plan(parts: _Parts, public_key: str) -> dict[str, Any]:
    options = {"host": "127.0.0.1", "port": parts.port, "database": "shop", "user": "postgres"}
    sealed = seal(public_key, {"password": parts.password})
    step = {
        "key": "orders",
        "name": "orders",
        "kind": "database_source",
        "config": {"connection": "shop", "table": "orders"},
    }
    load = {
        "key": "load",
        "name": "load",
        "kind": "database_target",
        "config": {"connection": "shop", "table": "loaded"},
        "inputs": [{"port": "in", "step": "orders"}],
    }
    return {
        "workflow_id": "benchmark",
        "workflow_name": "benchmark",
        "workflow_version": 1,
        "steps": [step, load],
        "connections": {"shop": {"connector": "postgresql", "options": options, "sealed": sealed}},
    }


def _post(parts: _Parts, path: str, body: dict[str, Any]) -> Any:
    return httpx.post(parts.api_url + path, json=body).raise_for_status().json()


def _run(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def _await(happened: Callable[[], Any], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s")
        time.sleep(0.1)
