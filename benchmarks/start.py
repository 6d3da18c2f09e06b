"""From nothing to a green run: ``make up`` in a fresh clone with an empty home directory.

``first_s`` = until the sample has run, packages installed on the way; ``again_s`` = until a
second ``make up`` is ready; ``pss_mb`` = memory of the whole stack a while after that.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.result import Result
from benchmarks.stack import READY, REPOSITORY, Started, free_ports, processes_below, pss_mb

_SETTLE_S = 20
_PSS_TARGET_MB = 900


def measure() -> Iterator[Result]:
    with tempfile.TemporaryDirectory(prefix="flowadmin-start-") as folder:
        clone, home = Path(folder) / "clone", Path(folder) / "home"
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(clone)], check=True)
        env = _clean_environment() | free_ports() | {"HOME": str(home)}
        yield Result("make up", "first_s", _start(clone, env)[0], "s")
        again, memory = _start(clone, env, settle=_SETTLE_S)
        yield Result("make up", "again_s", again, "s")
        yield Result.at_most("whole stack at rest", "pss_mb", memory, "MB", _PSS_TARGET_MB)


def _start(clone: Path, env: dict[str, str], settle: float = 0) -> tuple[float, float]:
    """(seconds until ready, memory in MB after ``settle`` seconds at rest)."""
    started = Started(["make", "up"], clone, env)
    try:
        seconds = started.wait_for(READY)
        time.sleep(settle)
        return seconds, pss_mb(processes_below(started.process.pid))
    finally:
        started.stop()


def _clean_environment() -> dict[str, str]:
    """What a newcomer's shell has: nothing of this process's FlowAdmin or virtual environment."""
    ours = ("FLOWADMIN_", "PREFECT_", "VIRTUAL_ENV", "DATABASE_URL", "REDIS_URL", "DJANGO_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}
