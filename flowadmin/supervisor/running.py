"""Run one part for as long as a block lasts: for tests, benchmarks and scripts."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from flowadmin.embedded.part import Part
from flowadmin.supervisor import launching


@contextmanager
def running(part: Part, *, within: float = 90) -> Iterator[None]:
    """Prepare and start the part, wait until it is ready; stop it at the end.

    Raises RuntimeError when it ends instead, TimeoutError when it is not ready in time.
    """
    if part.prepare:
        part.prepare()
    process = subprocess.Popen(
        launching.command(part),
        env=launching.variables(part),
        cwd=launching.folder(part),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait(part, process, time.monotonic() + within)
        yield
    finally:
        _stop(part, process)


def _wait(part: Part, process: subprocess.Popen[bytes], deadline: float) -> None:
    while not (part.is_ready is None or part.is_ready()):
        if process.poll() is not None:
            raise RuntimeError(f"{part.name} ended with {process.returncode} before it was ready")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{part.name} was not ready in time")
        time.sleep(0.05)


def _stop(part: Part, process: subprocess.Popen[bytes]) -> None:
    process.send_signal(part.stop_signal)
    with suppress(subprocess.TimeoutExpired):
        process.wait(part.grace_seconds)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
