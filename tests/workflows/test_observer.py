"""The observing process against a real Prefect server; the worker's part is played here."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest
from django.db import connections
from factories import WorkerSeenFactory, definition
from waiting import wait_for

from workers.models import Pool
from workers.prefect.client import HttpGateway
from workers.prefect.current import use_gateway
from workers.provisioning import ensure_pools
from workflows import registration
from workflows.events import EventStream, EventsUnavailable
from workflows.models import Run
from workflows.services import observer as observer_module
from workflows.services.editing import save_definition
from workflows.services.observer import Observer
from workflows.services.running import run_now

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def server(prefect_server: str, pool_keys) -> Iterator[httpx.Client]:
    gateway = HttpGateway(prefect_server)
    with use_gateway(gateway), httpx.Client(base_url=prefect_server) as client:
        ensure_pools()
        for pool in Pool.objects.all():
            WorkerSeenFactory(pool=pool)
        yield client
    gateway.close()


@pytest.fixture
def run(server, shop) -> Run:
    workflow = save_definition(team=shop.team, definition=definition())
    assert registration.register(workflow.pk) == "registered"
    return run_now(workflow=workflow)


def observe(open_stream: Callable[[], EventStream]) -> tuple[Observer, threading.Thread]:
    observer = Observer(open_stream)

    def work() -> None:
        observer.run()
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    return observer, thread


def set_state(server: httpx.Client, run: Run, state: str) -> None:
    body = {"state": {"type": state}, "force": True}
    server.post(f"/flow_runs/{run.pk}/set_state", json=body).raise_for_status()


def is_in(run: Run, state: str) -> Callable[[], bool]:
    return lambda: Run.objects.get(pk=run.pk).state == state


def no_stream() -> EventStream:
    raise EventsUnavailable("switched off")


@pytest.fixture
def only_events(monkeypatch):
    """Polling would find the same a little later."""
    for pause in ("_POLL_SECONDS", "_DISCOVER_SECONDS"):
        monkeypatch.setattr(observer_module, pause, math.inf)


def test_a_run_is_followed_while_it_goes_on(server, run, prefect_server, only_events):
    observer, thread = observe(lambda: EventStream(prefect_server))

    def is_heard() -> bool:
        """Told again and again: the server does not say when it begins to tell."""
        set_state(server, run, "RUNNING")
        return is_in(run, "RUNNING")()

    try:
        wait_for("RUNNING", is_heard)
        set_state(server, run, "COMPLETED")
        wait_for("COMPLETED", is_in(run, "COMPLETED"))
    finally:
        observer.stop()
        thread.join()


def test_without_events_polling_follows_the_run(server, run):
    observer, thread = observe(no_stream)
    try:
        set_state(server, run, "RUNNING")
        wait_for("RUNNING", is_in(run, "RUNNING"))
    finally:
        observer.stop()
        thread.join()


def test_a_run_that_nobody_recorded_is_found_without_events(server, run):
    Run.objects.all().delete()
    observer, thread = observe(no_stream)
    try:
        set_state(server, run, "RUNNING")
        wait_for("it is recorded", Run.objects.filter(pk=run.pk).exists)
    finally:
        observer.stop()
        thread.join()
