"""Makes sure that no process outlives the supervisor: see ``guard`` and ``leftovers``."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from flowadmin.supervisor import leftovers

_GUARD = str(Path(__file__).with_name("guard.py"))


class Guard:
    """Knows every process group that runs; tells the guard beside us, and the next start."""

    def __init__(self, pids: Path) -> None:
        self._pids = pids
        self._beside = subprocess.Popen(
            [sys.executable, "-IS", _GUARD],
            stdin=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )

    def __enter__(self) -> Guard:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._beside.stdin is not None
        with suppress(BrokenPipeError):
            self._beside.stdin.close()
        self._beside.wait()

    def watch(self, name: str, pid: int) -> None:
        leftovers.remember(self._pids, name, pid)
        self._tell(f"+{pid}\n")

    def release(self, name: str, pid: int) -> None:
        leftovers.forget(self._pids, name)
        self._tell(f"-{pid}\n")

    def _tell(self, line: str) -> None:
        assert self._beside.stdin is not None
        # A guard that was killed is missed only if we are killed too; then the next start sweeps.
        with suppress(BrokenPipeError):
            self._beside.stdin.write(line)
            self._beside.stdin.flush()
