"""A process of the stack as a value: what starts it, and how to see that it serves."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from signal import SIGTERM, Signals


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a process runs as."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A port that must be free, and the setting that moves it."""

    port: int
    setting: str


@dataclass(frozen=True, slots=True)
class Part:
    """A service that is kept running, or a task (``once``) that must end well.

    ``prepare`` runs before the first start, ``after_done`` when a task has ended with 0, and
    ``is_ready`` is asked until it is true; a service without it is ready once it is started.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    claim: Claim | None = None
    account: Account | None = None
    prepare: Callable[[], None] | None = None
    is_ready: Callable[[], bool] | None = None
    stop_signal: Signals = SIGTERM
    grace_seconds: float = 4
    once: bool = False
    after_done: Callable[[], None] | None = None


def is_free(port: int) -> bool:
    """Whether nothing listens on this port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    """Whether an HTTP server is there and in order (anything below 500)."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < 500
    except OSError:
        return False
