"""The samples: connections, workflows, and one run of the one that works."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from django.contrib.auth.models import User

from flowadmin.bootstrap.sample_databases import SAMPLES, Address, create
from workers.prefect.current import gateway
from workflows.definition import Definition
from workflows.models import Connection, Run, Team, Workflow
from workflows.models.registration import RegistrationState
from workflows.services.connections import save_secrets
from workflows.services.editing import save_definition
from workflows.services.running import run_now

GREEN = "Orders to mart"
_WITHIN_SECONDS = 120
#: A pool without a worker is fallen back from: at a first start one is on its way.
_WORKER_WITHIN_SECONDS = 20


def load(team: Team, author: User | None) -> None:
    """Databases, connections and workflows. Raises NoSampleDatabases."""
    shop, mart = create()
    _connect(team, "sample-shop", "Sample shop", shop)
    _connect(team, "sample-mart", "Sample mart", mart)
    for path in sorted(Path(SAMPLES / "workflows").glob("*.json")):
        definition = Definition.model_validate_json(path.read_text())
        if not team.workflows.filter(name=definition.name).exists():
            save_definition(team=team, definition=definition, author=author, message="Sample")


def run(workflow: Workflow, user: User | None = None) -> Run:
    """Run it and wait for the end. Raises TimeoutError, NotRunnable."""
    _wait(lambda: _is_registered(workflow), f"'{workflow}' was not registered")
    with suppress(TimeoutError):
        _wait(lambda: _has_worker(workflow), "no worker came", _WORKER_WITHIN_SECONDS)
    started = run_now(workflow=workflow, user=user)

    def has_ended() -> bool:
        started.refresh_from_db()
        nodes = list(started.node_runs.all())
        return started.is_terminal and bool(nodes) and all(node.is_terminal for node in nodes)

    _wait(has_ended, f"the run of '{workflow}' did not end")
    return started


def _connect(team: Team, slug: str, name: str, address: Address) -> None:
    options = {
        "host": address.host,
        "port": address.port,
        "database": address.database,
        "user": "sample",
    }
    facts = {"name": name, "connector": "postgresql", "options": options}
    connection, _ = Connection.objects.update_or_create(team=team, slug=slug, defaults=facts)
    save_secrets(connection, {"password": address.password})


def _is_registered(workflow: Workflow) -> bool:
    workflow.registration.refresh_from_db()
    if workflow.registration.state == RegistrationState.FAILED:
        raise RuntimeError(f"'{workflow}' cannot be registered: {workflow.registration.reason}")
    return workflow.registration.state == RegistrationState.REGISTERED


def _has_worker(workflow: Workflow) -> bool:
    return gateway().pool_status(workflow.assignment.pool.name).workers_online > 0


def _wait(is_so: Callable[[], bool], otherwise: str, seconds: float = _WITHIN_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{otherwise} within {seconds} s")
        time.sleep(0.1)
