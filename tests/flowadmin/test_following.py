"""The observer as a thread of Celery's worker."""

from __future__ import annotations

import threading

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker
from waiting import wait_for

from flowadmin.following import FollowingThread, offer_following
from workers.prefect.client import HttpGateway
from workers.prefect.current import use_gateway


class Waiting:
    """Follows nothing until it is stopped."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def run(self) -> None:
        self._stopped.wait()

    def stop(self) -> None:
        self._stopped.set()


class Ended(Waiting):
    def run(self) -> None:
        pass


@pytest.fixture
def app() -> Celery:
    made = Celery("following", broker="memory://", backend="cache+memory://")
    offer_following(made)
    return made


def names() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


@pytest.fixture
def prefect(prefect_server, settings):
    settings.PREFECT_API_URL = prefect_server
    gateway = HttpGateway(prefect_server)
    with use_gateway(gateway):
        yield
    gateway.close()


@pytest.mark.django_db(transaction=True)
def test_a_worker_observes_for_as_long_as_it_runs(app, prefect):
    with start_worker(app, perform_ping_check=False, observe=True):
        wait_for("an observer", lambda: {"observe", "events", "logs"} <= names())
    assert not {"observe", "events", "logs"} & names()


def test_a_worker_does_not_observe_unasked(app):
    with start_worker(app, perform_ping_check=False):
        assert "observe" not in names()


def test_an_observer_that_ends_takes_its_process_along():
    ended = threading.Event()
    FollowingThread(Ended(), at_end=ended.set).start()
    assert ended.wait(60)


def test_one_that_is_stopped_does_not():
    ended = threading.Event()
    thread = FollowingThread(Waiting(), at_end=ended.set)
    thread.start()
    thread.stop()
    assert not ended.is_set()
