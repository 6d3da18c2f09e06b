"""Takes the runs of one pool from Prefect and sees each to its end.

Prefect keeps the pool's limit: it offers no more runs than there are free slots.

1. Poll, or be woken; claim each run that is due; have the parent start its process.
2. While runs are on their way, say that they live, and ask which are to be canceled:
   interrupt those, later kill them.
3. When a process ends and its run has not, tell Prefect; try until it hears.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from engine.warm.api import PrefectApi
from engine.warm.lines import Line
from engine.warm.waking import WakeListener

logger = logging.getLogger("flowadmin.worker")

#: The signals that want of memory ends a process by.
_OF_MEMORY = ("SIGKILL", "SIGABRT")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often, and how long; all in seconds."""

    poll: float = 2
    #: When Redis tells of new runs, polling only finds those that are planned.
    poll_when_woken: float = 5
    heartbeat: int = 10
    #: Of a run, from its start on.
    run_heartbeat: float = 30
    look_for_cancel: float = 1
    #: From asking a run to stop to killing it.
    cancel_grace: float = 5
    #: From SIGTERM to asking the runs to stop.
    stop_grace: float = 3
    retry: float = 2
    #: From the end of a run's time, at which it stops itself, to killing it.
    time_grace: float = 30


@dataclass(slots=True)
class _Active:
    """A run that has, or is about to have, a process."""

    name: str
    kill_at: float = float("inf")
    is_canceling: bool = False
    #: Its time limit in seconds, while that is what it would be killed for.
    limit: float | None = None
    #: Keys of its nodes, as they are run.
    nodes: tuple[str, ...] = ()


class PoolWorker:
    """The only thread of its process but for the one that listens to Redis."""

    def __init__(
        self,
        pool: str,
        api: PrefectApi,
        parent: Line,
        *,
        wake_url: str = "",
        pace: Pace | None = None,
    ) -> None:
        self._pool = pool
        self._api = api
        self._parent = parent
        self._pace = pace or Pace()
        self._name = f"{socket.gethostname()}-{pool}"
        self._active: dict[str, _Active] = {}
        #: Run whose process has ended → how; Prefect may not know of the run's end.
        self._reports: dict[str, str] = {}
        #: Runs among those that were killed for their time.
        self._overdue: dict[str, _Active] = {}
        self._stop_at = self._give_up_at = float("inf")
        self._poll_at = self._beat_at = self._look_at = self._report_at = self._runs_beat_at = 0.0
        self._woken, self._wake_end = os.pipe()
        for end in (self._woken, self._wake_end):
            os.set_blocking(end, False)
        self._listener = WakeListener(wake_url, pool, self._wake) if wake_url else None

    def run(self) -> None:
        signal.signal(signal.SIGTERM, lambda *_: self._stop())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if self._listener:
            self._listener.start()
        logger.info("worker '%s' takes runs of pool '%s'", self._name, self._pool)
        while True:
            try:
                self._do_what_is_due()
            except httpx.HTTPError as error:
                logger.warning("Prefect does not answer: %s", error)
                self._put_off(time.monotonic() + self._pace.retry)
            if self._is_over():
                return
            self._wait()

    def _stop(self) -> None:
        """Take no more runs; those on their way get a little time."""
        now = time.monotonic()
        self._stop_at = min(self._stop_at, now + self._pace.stop_grace)
        self._give_up_at = now + self._pace.stop_grace + 2 * self._pace.cancel_grace
        self._wake()

    def _wake(self) -> None:
        """End the wait; may be called from a signal handler or another thread."""
        with suppress(BlockingIOError):
            os.write(self._wake_end, b"!")

    @property
    def _is_stopping(self) -> bool:
        return self._stop_at != float("inf")

    def _put_off(self, moment: float) -> None:
        """Ask nothing of Prefect before ``moment``; what is to be killed is killed in time."""
        self._poll_at = self._beat_at = self._look_at = moment
        self._report_at = self._runs_beat_at = moment

    def _is_over(self) -> bool:
        if self._parent.is_closed:
            return True
        is_silent = time.monotonic() > self._give_up_at
        return self._is_stopping and not self._active and (not self._reports or is_silent)

    def _do_what_is_due(self) -> None:
        now = time.monotonic()
        self._end_overdue(now)
        if now >= self._report_at and self._reports:
            self._report_at = now + self._pace.retry
            self._report()
        if now >= self._beat_at:
            self._api.beat(self._pool, self._name, self._pace.heartbeat)
            self._beat_at = now + self._pace.heartbeat
        if now >= self._poll_at and not self._is_stopping:
            self._poll()
        if now >= self._runs_beat_at and self._active:
            self._api.beat_for({run: active.name for run, active in self._active.items()})
            self._runs_beat_at = now + self._pace.run_heartbeat
        if now >= self._look_at and self._active:
            self._look_at = now + self._pace.look_for_cancel
            self._cancel_asked()

    def _wait(self) -> None:
        timeout = max(0.0, min(self._moments()) - time.monotonic())
        ends = [self._parent.fileno(), self._woken]
        readable, _, _ = select.select(ends, [], [], timeout)
        if self._woken in readable:
            os.read(self._woken, 4096)
            self._poll_at = self._look_at = 0
        if self._parent.fileno() in readable:
            for message in self._parent.receive():
                self._ended(message["run"], message["status"])

    def _moments(self) -> Iterator[float]:
        """When something is to be done, unless something happens before."""
        yield self._beat_at
        if not self._is_stopping:
            yield self._poll_at
        if self._reports:
            yield self._report_at
        if self._active:
            yield from (self._look_at, self._runs_beat_at, self._stop_at)
            yield from (active.kill_at for active in self._active.values())

    def _poll(self) -> None:
        is_woken = self._listener is not None and self._listener.is_listening
        interval = self._pace.poll_when_woken if is_woken else self._pace.poll
        found = self._api.due(self._pool, ahead_seconds=interval)
        self._poll_at = time.monotonic() + interval
        for run in found:
            seconds = _seconds_until(run)
            if seconds > 0:
                self._poll_at = min(self._poll_at, time.monotonic() + seconds)
            elif run["id"] not in self._active:
                self._take(run)

    def _take(self, run: dict[str, Any]) -> None:
        state = self._api.take(run["id"])
        if state is None:
            return
        logger.info("run '%s' starts", run["name"])
        self._active[run["id"]] = self._limited(run)
        body = {**run, "state": state, "state_type": state["type"], "state_name": state["name"]}
        self._parent.send(do="start", run=run["id"], body=body)

    def _limited(self, run: dict[str, Any]) -> _Active:
        plan = run.get("parameters", {}).get("plan")
        seconds = plan.get("timeout_seconds") if isinstance(plan, dict) else None
        if not isinstance(seconds, int | float):
            return _Active(run["name"])
        kill_at = time.monotonic() + seconds + self._pace.time_grace
        nodes = tuple(step["key"] for step in plan.get("steps", ()))
        return _Active(run["name"], kill_at, limit=seconds, nodes=nodes)

    def _cancel_asked(self) -> None:
        for run in self._api.canceling(list(self._active)):
            active = self._active.get(run)
            if active and not active.is_canceling:
                active.is_canceling = True
                active.kill_at = time.monotonic() + self._pace.cancel_grace
                active.limit = None
                self._parent.send(do="cancel", run=run)

    def _end_overdue(self, now: float) -> None:
        if now >= self._stop_at:
            self._stop_at = now + 3600
            for run, active in self._active.items():
                active.kill_at = min(active.kill_at, now + self._pace.cancel_grace)
                active.limit = None
                self._parent.send(do="kill", run=run, signal=signal.SIGTERM)
        for run, active in self._active.items():
            if now >= active.kill_at:
                active.kill_at = float("inf")
                self._parent.send(do="kill", run=run, signal=signal.SIGKILL)

    def _ended(self, run: str, status: int) -> None:
        """A process has ended, and with it its slot is free."""
        active = self._active.pop(run, None)
        if active and active.limit is not None and status == -signal.SIGKILL:
            self._overdue[run] = active
        self._reports[run] = f"the run's process {_in_words(status)}"
        self._poll_at = self._report_at = 0

    def _report(self) -> None:
        for run, how in list(self._reports.items()):
            state = self._api.state(run)
            if state == "CANCELLING":
                self._api.set_state(run, "CANCELLED", "the run was canceled")
            elif state in {"PENDING", "RUNNING"} and run in self._overdue:
                self._api.set_state(run, "FAILED", self._timed_out(run))
            elif state in {"PENDING", "RUNNING"}:
                logger.warning("run '%s' has crashed: %s", run, how)
                self._api.set_state(run, "CRASHED", how)
            del self._reports[run]
            self._overdue.pop(run, None)

    def _timed_out(self, run: str) -> str:
        """Why a run was killed, and in which node: of those that run, the last does the work."""
        overdue, running = self._overdue[run], self._api.running_tasks(run)
        node = next((f"node '{key}': " for key in reversed(overdue.nodes) if key in running), "")
        return (
            f"E_TIMEOUT: {node}the run took longer than its limit of {overdue.limit:g} s, did not "
            "stop, and was killed; raise the workflow's limit, or read fewer rows"
        )


def _seconds_until(run: dict[str, Any]) -> float:
    planned = run.get("next_scheduled_start_time") or run.get("expected_start_time")
    return datetime.fromisoformat(planned).timestamp() - time.time() if planned else 0.0


def _in_words(status: int) -> str:
    if status < 0:
        name = signal.Signals(-status).name
        return f"was ended by {name}" + (" (out of memory?)" if name in _OF_MEMORY else "")
    return f"exited with status {status}"
