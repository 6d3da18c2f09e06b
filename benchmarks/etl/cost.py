"""What moving rows costs: time, CPU of the client and of the server, the client's memory."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.etl.server import Server

_TICKS = os.sysconf("SC_CLK_TCK")
_SETTLE_S = 10.0


@dataclass(frozen=True, slots=True)
class Client:
    """What the processes of a client used: CPU seconds, and the peak of the largest in MB."""

    cpu: float
    rss_mb: float


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU in seconds, of the client and of the server's processes that worked for it."""

    wall: float
    client_cpu: float
    server_cpu: float
    rss_mb: float

    @property
    def cpu(self) -> float:
        return self.client_cpu + self.server_cpu


def measured(server: Server, work: Callable[[], Client]) -> Cost:
    """The cost of ``work``; the server has nothing else to do meanwhile."""
    server.settle()
    before, at_rest = _server_cpu(server.pid), _children(server.pid)
    started = time.perf_counter()
    client = work()
    wall = time.perf_counter() - started
    deadline = time.monotonic() + _SETTLE_S
    # A backend's CPU is its parent's when it has ended.
    while not _children(server.pid) <= at_rest and time.monotonic() < deadline:
        time.sleep(0.01)
    return Cost(wall, client.cpu, _server_cpu(server.pid) - before, client.rss_mb)


def waited(pids: Sequence[int]) -> Client:
    """Wait for child processes; what all of them used. Raises RuntimeError when one failed."""
    ends = [os.wait4(pid, 0) for pid in pids]
    for pid, status, _ in ends:
        if status:
            raise RuntimeError(f"process {pid} ended with {os.waitstatus_to_exitcode(status)}")
    cpu = sum(usage.ru_utime + usage.ru_stime for _, _, usage in ends)
    return Client(cpu, max(usage.ru_maxrss for _, _, usage in ends) / 1024)


def median(costs: Sequence[Cost], figure: Callable[[Cost], float]) -> float:
    return statistics.median(map(figure, costs))


def ratio(ours: Sequence[Cost], baseline: Sequence[Cost], figure: Callable[[Cost], float]) -> float:
    """Median of the ratios of neighbours, which met the same noise of the machine."""
    pairs = zip(ours, baseline, strict=True)
    return statistics.median(figure(mine) / figure(theirs) for mine, theirs in pairs)


def _server_cpu(pid: int) -> float:
    """Seconds of the server and its processes, also of those that have ended (Linux)."""
    ticks = sum(sum(_times(process)[:2]) for process in (pid, *_children(pid)))
    return (ticks + sum(_times(pid)[2:])) / _TICKS


def _times(pid: int) -> list[int]:
    """utime, stime, cutime, cstime in ticks."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return [int(field) for field in fields[11:15]]
    return [0, 0, 0, 0]


def _children(pid: int) -> set[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child) for child in found}
