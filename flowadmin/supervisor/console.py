"""What the terminal shows: one line per event, each with the name of its part."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

_WIDTH = 11
_COLORS = (36, 32, 33, 35, 34, 96, 92, 95)
_LARGEST_LOG = 5_000_000


class Console:
    """Prefixes and colors lines; the full output of each part is also kept in a file."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._colored = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._order: list[str] = []

    def say(self, name: str, text: str) -> None:
        """A line of the supervisor about a part."""
        _write(f"{self._prefix(name)} {text}")

    def relay(self, name: str, line: str) -> None:
        """A line that the part printed."""
        self.say(name, line)
        self.keep(name, line)

    def show(self, name: str, line: str) -> None:
        """A line that is meant for the user as it stands."""
        _write(line)
        self.keep(name, line)

    def log_of(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def keep(self, name: str, line: str) -> None:
        path = self.log_of(name)
        if path.exists() and path.stat().st_size > _LARGEST_LOG:
            path.replace(path.with_suffix(".log.1"))
        with path.open("a") as log:
            log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {line}\n")

    def _prefix(self, name: str) -> str:
        if name not in self._order:
            self._order.append(name)
        text = f"{name:<{_WIDTH}}│"
        if not self._colored:
            return text
        return f"\x1b[{_COLORS[self._order.index(name) % len(_COLORS)]}m{text}\x1b[0m"


def _write(line: str) -> None:
    with suppress(BrokenPipeError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
