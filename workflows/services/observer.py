"""The process that follows runs: events as they come, polling to repair what they miss."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection

from workers.prefect.gateway import GatewayError
from workflows.events import Change, EventStream, EventsUnavailable, FlowRunChanged, TaskRunChanged
from workflows.services import observing
from workflows.services.log_mirror import follow_logs

log = logging.getLogger(__name__)

_BATCH_SECONDS = 0.1
_POLL_SECONDS = 2.0
_DISCOVER_SECONDS = 10.0
_LONGEST_WAIT_SECONDS = 30.0


class Observer:
    """``run`` works until ``stop`` is called; its thread and that of the logs use the database."""

    def __init__(self, open_stream: Callable[[], EventStream]) -> None:
        self._open_stream = open_stream
        self._changes: queue.Queue[Change] = queue.Queue(maxsize=10_000)
        self._stopped = threading.Event()
        self._hears = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def run(self) -> None:
        listener = threading.Thread(target=self._listen, name="events", daemon=True)
        logs = threading.Thread(target=self._follow_logs, name="logs", daemon=True)
        listener.start()
        logs.start()
        polled = discovered = 0.0
        while not self._stopped.is_set():
            changes = self._take()
            now = time.monotonic()
            is_poll_due = now - polled >= _POLL_SECONDS
            # Without events, looking around is the only way to learn of new runs.
            pause = _DISCOVER_SECONDS if self._hears.is_set() else _POLL_SECONDS
            is_discovery_due = now - discovered >= pause
            polled = now if is_poll_due else polled
            discovered = now if is_discovery_due else discovered
            self._work(changes, is_poll_due, is_discovery_due)
        listener.join(timeout=2)
        logs.join(timeout=2)

    def _follow_logs(self) -> None:
        """In a thread of its own: a long log must not keep states waiting."""
        try:
            follow_logs(self._stopped)
        finally:
            connection.close()

    def _work(self, changes: list[Change], is_poll_due: bool, is_discovery_due: bool) -> None:
        close_old_connections()
        try:
            apply_changes(changes)
            if is_discovery_due:
                observing.discover()
            if is_poll_due:
                observing.poll_active()
        except GatewayError as error:
            log.warning("runs are not followed: %s", error)
            self._stopped.wait(_POLL_SECONDS)
        except (OperationalError, InterfaceError) as error:
            log.warning("the database does not answer, runs are not followed: %s", error)
            self._stopped.wait(_POLL_SECONDS)

    def _take(self) -> list[Change]:
        """What has come, gathered for a moment so that bursts cost one round trip."""
        try:
            first = self._changes.get(timeout=_BATCH_SECONDS)
        except queue.Empty:
            return []
        self._stopped.wait(_BATCH_SECONDS)
        return [first, *(self._changes.get_nowait() for _ in range(self._changes.qsize()))]

    def _listen(self) -> None:
        wait = 1.0
        while not self._stopped.is_set():
            try:
                with self._open_stream() as stream:
                    log.info("following Prefect's events")
                    wait = 1.0
                    self._hears.set()
                    self._hand_over(stream)
            except EventsUnavailable as error:
                log.warning("no events for now, polling instead: %s", error)
            self._hears.clear()
            self._stopped.wait(wait)
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)

    def _hand_over(self, stream: EventStream) -> None:
        while not self._stopped.is_set():
            change = stream.next_change(timeout=1)
            if change is not None:
                self._changes.put(change)


def observer() -> Observer:
    """Of the Prefect that the settings name."""
    address, password = settings.PREFECT_API_URL, settings.PREFECT_API_AUTH_STRING
    return Observer(lambda: EventStream(address, password))


def apply_changes(changes: list[Change]) -> None:
    """Flow runs are read again; task runs are taken from the event, which comes first."""
    flow_runs = {c.flow_run_id for c in changes if isinstance(c, FlowRunChanged)}
    if flow_runs:
        observing.refresh(sorted(flow_runs))
    task_runs = [c.task_run for c in changes if isinstance(c, TaskRunChanged)]
    if task_runs:
        observing.apply_task_runs(task_runs)
