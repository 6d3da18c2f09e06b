"""The process that forks: one child per pool, one per run.

It has Prefect and the engine imported, one thread, and no connection, so that a fork is
a cheap and whole copy. A pool's process asks it for runs over a socket:

    ← start {run, body}   ← cancel {run}   ← kill {run, signal}   → {run, status}

A pool's process that dies takes its runs along; the next one is told of their end.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from engine.warm.dying import die_with
from engine.warm.lines import Line, Message, pair

#: First and longest wait before a dead pool's process is started again, in seconds.
BACKOFF = (0.5, 30.0)
#: A process that lived this long died of something new.
LONG_LIFE_SECONDS = 60.0

PoolMain = Callable[[str, Line], None]
RunMain = Callable[[str, str, Message, Line], int]


@dataclass(slots=True)
class _Run:
    run: str
    pid: int
    line: Line


@dataclass(slots=True)
class _Pool:
    name: str
    pid: int = 0
    line: Line | None = None
    runs: dict[int, _Run] = field(default_factory=dict)
    #: Ends that no process of the pool has been told of.
    untold: list[Message] = field(default_factory=list)
    started_at: float = 0.0
    start_at: float = 0.0
    backoff_seconds: float = BACKOFF[0]


class Parent:
    """Runs until every pool's process has ended after SIGTERM or SIGINT."""

    def __init__(self, pools: list[str], pool_main: PoolMain, run_main: RunMain) -> None:
        self._pools = [_Pool(name) for name in pools]
        self._pool_main = pool_main
        self._run_main = run_main
        self._is_stopping = False
        self._pipe = os.pipe()

    def run(self) -> None:
        if threading.active_count() != 1:
            raise RuntimeError("the warm process has more than one thread and cannot be forked")
        self._catch_signals()
        gc.collect()
        gc.freeze()
        while not self._is_over():
            self._start_pools()
            self._wait()
            self._reap()

    def _catch_signals(self) -> None:
        for end in self._pipe:
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())

    def _stop(self) -> None:
        """The pools' processes end their runs, then themselves."""
        self._is_stopping = True
        for pool in self._pools:
            if pool.pid:
                os.kill(pool.pid, signal.SIGTERM)

    def _is_over(self) -> bool:
        return self._is_stopping and not any(pool.pid or pool.runs for pool in self._pools)

    def _start_pools(self) -> None:
        for pool in self._pools:
            if not pool.pid and not self._is_stopping and time.monotonic() >= pool.start_at:
                self._start_pool(pool)

    def _start_pool(self, pool: _Pool) -> None:
        ours, theirs = pair()
        pid = self._fork(lambda: self._pool_main(pool.name, theirs), keep=theirs)
        theirs.close()
        pool.pid, pool.line, pool.started_at = pid, ours, time.monotonic()
        while pool.untold:
            ours.send(**pool.untold.pop(0))

    def _start_run(self, pool: _Pool, message: Message) -> None:
        ours, theirs = pair()
        run = message["run"]
        pid = self._fork(
            lambda: self._run_main(pool.name, run, message["body"], theirs), keep=theirs
        )
        theirs.close()
        pool.runs[pid] = _Run(run, pid, ours)

    def _fork(self, main: Callable[[], int | None], keep: Line) -> int:
        parent = os.getpid()
        pid = os.fork()
        if not pid:
            self._be_child(parent, main, keep)
        return pid

    def _be_child(self, parent: int, main: Callable[[], int | None], keep: Line) -> NoReturn:
        try:
            die_with(parent)
            self._forget_parent(keep)
            status = main() or 0
        except SystemExit as exit_:
            status = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
        except BaseException:  # noqa: BLE001 — nothing may unwind into the parent's loop
            sys.excepthook(*sys.exc_info())
            status = 1
        sys.stdout.flush()
        sys.stderr.flush()
        # Without the clean-up of what it only inherited.
        os._exit(status)

    def _forget_parent(self, keep: Line) -> None:
        """Undo in a child what belongs to the parent."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        for end in self._pipe:
            os.close(end)
        for line in self._lines():
            if line is not keep:
                line.close()

    def _lines(self) -> Iterator[Line]:
        for pool in self._pools:
            if pool.line is not None:
                yield pool.line
            yield from (run.line for run in pool.runs.values())

    def _wait(self) -> None:
        waiting = [p.start_at for p in self._pools if not p.pid and not self._is_stopping]
        timeout = max(0.0, min(waiting) - time.monotonic()) if waiting else None
        talking = [(p, p.line) for p in self._pools if p.line and not p.line.is_closed]
        ends = [self._pipe[0], *(line.fileno() for _, line in talking)]
        readable, _, _ = select.select(ends, [], [], timeout)
        if self._pipe[0] in readable:
            os.read(self._pipe[0], 4096)
        for pool, line in talking:
            if line.fileno() in readable:
                for message in line.receive():
                    self._obey(pool, message)

    def _obey(self, pool: _Pool, message: Message) -> None:
        match message["do"]:
            case "start":
                self._start_run(pool, message)
            case "cancel":
                for run in self._runs(pool, message["run"]):
                    run.line.send(do="cancel")
            case "kill":
                for run in self._runs(pool, message["run"]):
                    os.kill(run.pid, message["signal"])

    def _runs(self, pool: _Pool, run: str) -> list[_Run]:
        return [one for one in pool.runs.values() if one.run == run]

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for pool in self._pools:
                if pid == pool.pid:
                    self._pool_ended(pool)
                elif pid in pool.runs:
                    self._run_ended(pool, pool.runs.pop(pid), os.waitstatus_to_exitcode(status))

    def _pool_ended(self, pool: _Pool) -> None:
        assert pool.line is not None
        pool.line.close()
        pool.pid, pool.line = 0, None
        now = time.monotonic()
        if now - pool.started_at > LONG_LIFE_SECONDS:
            pool.backoff_seconds = BACKOFF[0]
        pool.start_at = now + pool.backoff_seconds
        pool.backoff_seconds = min(pool.backoff_seconds * 2, BACKOFF[1])
        for run in pool.runs.values():
            os.kill(run.pid, signal.SIGKILL)

    def _run_ended(self, pool: _Pool, run: _Run, status: int) -> None:
        run.line.close()
        message: dict[str, Any] = {"run": run.run, "status": status}
        if pool.line is not None:
            pool.line.send(**message)
        else:
            pool.untold.append(message)
