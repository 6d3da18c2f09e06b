"""A worker as its own process, and plans for it to run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psutil
from waiting import wait_for

from engine.plan import Schedule
from engine.sealing import generate_keypair, seal
from workers.prefect.client import HttpGateway
from workers.prefect.gateway import TERMINAL, Deployment, DeploymentSpec, FlowRun, TaskRun

REPOSITORY = Path(__file__).resolve().parents[2]


@contextmanager
def running_worker(api_url: str, bench: Bench, **env: str) -> Iterator[psutil.Process]:
    """A warm worker of the bench's pool, online; stopped afterwards, with nothing left behind."""
    command = [sys.executable, "-m", "engine.worker", "--pool", bench.pool]
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    settings = {
        "PREFECT_API_URL": api_url,
        "FLOWADMIN_POOL_KEYS": str(bench.keys),
    }
    environment = {**kept, **settings, **env}
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment) as started:
        worker = psutil.Process(started.pid)
        try:
            wait_for("the worker takes runs", lambda: len(worker.children()) == 1)
            yield worker
        finally:
            family = below(worker)
            started.terminate()
            started.wait(timeout=30)
            assert not [one for one in family if is_alive(one)]


def below(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def pool_process(worker: psutil.Process) -> psutil.Process:
    """The first child: it takes the runs."""
    return min(worker.children(), key=lambda child: child.create_time())


def run_process(worker: psutil.Process) -> psutil.Process:
    """The latest child: it runs the flow."""
    wait_for("a run's process", lambda: len(worker.children()) > 1)
    return max(worker.children(), key=lambda child: child.create_time())


def make_bench(gateway: HttpGateway, database: str, folder: Path) -> Bench:
    """A new pool of two slots, with a key of its own."""
    pool = f"pool-{uuid4().hex[:8]}"
    gateway.ensure_pool(pool, concurrency_limit=2, is_paused=False)
    private, public = generate_keypair()
    (folder / f"{pool}.key").write_text(private)
    return Bench(gateway, pool, database, folder, public)


@dataclass(frozen=True)
class Bench:
    """A pool on a real server, and a database that its plans read and write."""

    gateway: HttpGateway
    pool: str
    database: str
    #: Folder with the pool's private key, and the public one.
    keys: Path
    public_key: str

    def deploy(self, plan: dict[str, Any], schedules: tuple[Schedule, ...] = ()) -> Deployment:
        spec = DeploymentSpec(
            name=f"wf@{self.pool}",
            pool=self.pool,
            parameters={"plan": plan},
            tags=("flowadmin", self.pool),
            schedules=schedules,
        )
        return self.gateway.upsert_deployment(spec)

    def start(self, plan: dict[str, Any]) -> FlowRun:
        return self.gateway.create_run(self.deploy(plan).id)

    def wait(self, run_id: UUID, *states: str, seconds: float = 30) -> FlowRun:
        """The run once it is in one of the states; by default, once it has ended."""
        wanted = states or TERMINAL

        def there() -> FlowRun | None:
            run = self.gateway.run(run_id)
            assert run.state in wanted or run.state not in TERMINAL, run
            return run if run.state in wanted else None

        found: FlowRun = wait_for(f"run in {wanted}", there, seconds)
        return found

    def nodes(self, run_id: UUID, count: int) -> dict[str, TaskRun]:
        """Node key → its task run, once Prefect knows the end of all."""

        def ended() -> list[TaskRun] | None:
            found = self.gateway.task_runs([run_id])
            is_whole = len(found) == count and all(one.state in TERMINAL for one in found)
            return list(found) if is_whole else None

        return {one.name: one for one in wait_for(f"{count} nodes ended", ended)}

    def plan(self, *steps: dict[str, Any]) -> dict[str, Any]:
        """The steps, with the database as connection ``shop``, its password sealed."""
        password = urlsplit(self.database).password
        sealed = seal(self.public_key, {"password": password} if password else {})
        return plan_of(self.database, *steps, sealed=sealed)


def plan_of(database: str, *steps: dict[str, Any], sealed: str = "") -> dict[str, Any]:
    """A plan's JSON; its connection ``shop`` is this database."""
    address = urlsplit(database)
    options = {
        "host": address.hostname,
        "port": address.port,
        "database": address.path.lstrip("/"),
        "user": address.username,
    }
    return {
        "workflow_id": "w",
        "workflow_name": "Orders",
        "workflow_version": 1,
        "steps": [{"name": step["key"], **step} for step in steps],
        "connections": {"shop": {"connector": "postgresql", "options": options, "sealed": sealed}},
    }


def source(sql: str, key: str = "orders") -> dict[str, Any]:
    return {"key": key, "kind": "database_source", "config": {"connection": "shop", "sql": sql}}


def target(table: str, after: str, key: str = "load") -> dict[str, Any]:
    config = {"connection": "shop", "table": table}
    inputs = [{"port": "in", "step": after}]
    return {"key": key, "kind": "database_target", "config": config, "inputs": inputs}


def only(condition: str, after: str, key: str = "filter") -> dict[str, Any]:
    inputs = [{"port": "in", "step": after}]
    return {"key": key, "kind": "filter", "config": {"condition": condition}, "inputs": inputs}
