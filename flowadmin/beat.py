"""Celery's beat inside its worker, as a thread."""

from __future__ import annotations

from typing import Any

from celery import Celery, bootsteps
from celery.beat import EmbeddedService
from click import Option


class ThreadedBeat(bootsteps.StartStopStep):
    """Starts with the worker where ``--threaded-beat`` asks for it.

    Celery's own ``--beat`` forks: a process of its own, some 70 MB for a clock. Times are kept
    in memory: every job of ours may as well run once more after a restart.
    """

    label = "ThreadedBeat"
    conditional = True

    def __init__(self, worker: Any, threaded_beat: bool = False, **options: Any) -> None:
        self.enabled = threaded_beat
        super().__init__(worker, **options)

    def create(self, worker: Any) -> Any:
        return EmbeddedService(worker.app, thread=True, scheduler_cls="celery.beat:Scheduler")


def offer_threaded_beat(app: Celery) -> None:
    """Let workers of ``app`` be started with ``--threaded-beat``."""
    app.user_options["worker"].add(Option(["--threaded-beat"], is_flag=True))
    app.steps["worker"].add(ThreadedBeat)
