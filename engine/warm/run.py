"""What a run's process does around the flow: its environment, and obeying its pool's worker."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, MutableMapping

from engine.checkpoints import DAYS, FOLDER, GIGABYTES
from engine.policy import FILE_ROOTS, INTERNAL_HOSTS, SAMPLE_ROWS
from engine.warm.lines import Line

#: Everything a worker and its runs get to see of the environment they are started in.
KEPT = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "FLOWADMIN_POOL_KEYS", "FLOWADMIN_WAKE_URL"}
    | {FILE_ROOTS, INTERNAL_HOSTS, SAMPLE_ROWS, FOLDER, DAYS, GIGABYTES}
)
KEPT_PREFIXES = ("LC_", "PYTHON", "PREFECT_")
#: What only the worker itself may know: the same Redis is the web side's broker.
_NOT_FOR_RUNS = ("FLOWADMIN_WAKE_URL",)


def scrubbed(environment: MutableMapping[str, str]) -> dict[str, str]:
    """The part of an environment that a worker may see: no web secrets."""
    return {
        name: value
        for name, value in environment.items()
        # PREFECT__ (two) describe one run, and PREFECT_SERVER_ is the server's own.
        if name in KEPT
        or (
            name.startswith(KEPT_PREFIXES) and not name.startswith(("PREFECT__", "PREFECT_SERVER_"))
        )
    }


def prepare(pool: str, run: str) -> None:
    """Give the run its place in the environment."""
    for name in _NOT_FOR_RUNS:
        os.environ.pop(name, None)
    os.environ["FLOWADMIN_POOL"] = pool
    os.environ["PREFECT__FLOW_RUN_ID"] = run


def obey(worker: Line, on_cancel: Callable[[], None]) -> None:
    """Listen in a thread: cancel when told to, die when nobody is there any more."""

    def listen() -> None:
        while not worker.is_closed:
            for message in worker.receive():
                if message["do"] == "cancel":
                    on_cancel()
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=listen, name="obey", daemon=True).start()
