"""Processes that an earlier supervisor left behind: found by pid and start time, and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def remember(pids: Path, name: str, pid: int) -> None:
    """Note a process so that a later start can recognize it."""
    (pids / name).write_text(f"{pid} {started_at(pid)}")


def forget(pids: Path, name: str) -> None:
    (pids / name).unlink(missing_ok=True)


def sweep(pids: Path, say: Callable[[str, str], None], grace_seconds: float = 5) -> None:
    """End every noted process that still runs; a pid that now belongs to another stays alone."""
    for note in sorted(pids.iterdir()):
        pid_text, _, start = note.read_text().partition(" ")
        if start and started_at(int(pid_text)) == start:
            say(note.name, f"ending process {pid_text}, left behind by an earlier start")
            _end(int(pid_text), start, grace_seconds)
        note.unlink()


def started_at(pid: int) -> str:
    """When this process started, in the system's own words; empty if there is none."""
    try:
        # The name in parentheses may hold anything; field 22 of the line is the start time.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        if Path("/proc/self").exists():
            return ""
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _end(pid: int, start: str, grace_seconds: float) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGTERM)
        deadline = time.monotonic() + grace_seconds
        while started_at(pid) == start and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(pid, signal.SIGKILL)
