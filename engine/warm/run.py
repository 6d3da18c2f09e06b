"""What a run's process does around the flow: its environment, and obeying its pool's worker."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Mapping, MutableMapping

from engine.policy import ALLOW_PYTHON, FILE_ROOTS, INTERNAL_HOSTS, SAMPLE_ROWS
from engine.restarting.checkpoints import DAYS, FOLDER, GIGABYTES
from engine.warm.lines import Line

#: Everything a worker and its runs get to see of the environment they are started in.
KEPT = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "FLOWADMIN_POOL_KEYS", "FLOWADMIN_WAKE_URL"}
    | {ALLOW_PYTHON, FILE_ROOTS, INTERNAL_HOSTS, SAMPLE_ROWS, FOLDER, DAYS, GIGABYTES}
)
KEPT_PREFIXES = ("LC_", "PYTHON", "PREFECT_")
#: What only the worker itself may know: the same Redis is the web side's broker. Prefect's
#: client, which a run needs, has read its own by then.
_NOT_FOR_RUNS = ("FLOWADMIN_WAKE_URL", "PREFECT_API_AUTH_STRING", "PREFECT_API_KEY")
#: Names the pipe through which a scrubbed worker gets what is secret.
_PIPE = "FLOWADMIN_WORKER_PIPE"


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


def hand_over(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment to start with; ``handed_over`` there adds the rest of it."""
    secret = {name: environment[name] for name in _NOT_FOR_RUNS if name in environment}
    read, write = os.pipe()
    os.set_inheritable(read, True)
    os.write(write, json.dumps(secret).encode())
    shown = {name: value for name, value in environment.items() if name not in secret}
    return {**shown, _PIPE: str(read)}


def handed_over() -> bool:
    """Take what was handed over, if this process was started for that."""
    if (descriptor := os.environ.pop(_PIPE, "")) == "":
        return False
    with os.fdopen(int(descriptor)) as pipe:
        os.environ.update(json.loads(pipe.read()))
    return True


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
