"""The observer of runs inside Celery's worker, as a thread."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any, Protocol

from celery import Celery, bootsteps
from click import Option
from django.db import connections


class Follower(Protocol):
    """``run`` works until ``stop`` is called."""

    def run(self) -> None: ...

    def stop(self) -> None: ...


def _end_process() -> None:
    """In good order; whoever keeps it running starts it again."""
    os.kill(os.getpid(), signal.SIGTERM)


class FollowingThread(threading.Thread):
    """Whose end, unless asked for, is the end of the process: a worker that is deaf looks well."""

    def __init__(self, follower: Follower, at_end: Callable[[], None] = _end_process) -> None:
        super().__init__(name="observe", daemon=True)
        self._follower, self._at_end = follower, at_end
        self._is_asked_to_end = False

    def run(self) -> None:
        try:
            self._follower.run()
        finally:
            connections.close_all()
            if not self._is_asked_to_end:
                self._at_end()

    def stop(self) -> None:
        self._is_asked_to_end = True
        self._follower.stop()
        self.join()


class Following(bootsteps.StartStopStep):
    """Starts with the worker where ``--observe`` asks for it.

    ``manage.py observe`` does the same in a process of its own, for 100 MB more.
    """

    label = "Following"

    def __init__(self, worker: Any, observe: bool = False, **options: Any) -> None:
        self.enabled = observe
        super().__init__(worker, **options)

    def create(self, worker: Any) -> Any:
        # Needs Django's apps, which the worker has made ready by now.
        from workflows.services.observer import observer

        return FollowingThread(observer())


def offer_following(app: Celery) -> None:
    """Let workers of ``app`` be started with ``--observe``."""
    app.user_options["worker"].add(Option(["--observe"], is_flag=True))
    app.steps["worker"].add(Following)
