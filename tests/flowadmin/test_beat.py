"""Beat as a thread of a worker."""

from __future__ import annotations

import multiprocessing
import threading

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker

from flowadmin.beat import offer_threaded_beat


@pytest.fixture
def beaten():
    """An app whose beat calls its one task ten times a second, and the event of the call."""
    app = Celery("beaten", broker="memory://", backend="cache+memory://")
    called = threading.Event()

    @app.task(name="call", shared=False)
    def call() -> None:
        called.set()

    app.conf.beat_schedule = {"call": {"task": "call", "schedule": 0.1}}
    offer_threaded_beat(app)
    return app, called


def test_a_worker_beats_without_another_process(beaten):
    app, called = beaten
    with start_worker(app, perform_ping_check=False, threaded_beat=True):
        assert called.wait(timeout=30)
        assert not multiprocessing.active_children()


def test_a_worker_does_not_beat_unasked(beaten):
    app, _ = beaten
    with start_worker(app, perform_ping_check=False):
        assert "Beat" not in {thread.name for thread in threading.enumerate()}
