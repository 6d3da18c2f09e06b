"""One preview in a process of its own, which ends with it."""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from engine.errors import EngineError, StepFailed
from engine.plan import Plan, PlanConnection
from engine.previewing import preview
from engine.sample import Extent

_MB = 1024 * 1024
#: DuckDB's process takes up to 1.3 times its own limit, and this for Python and drivers.
_SPARE_MB = 200
#: Spill files; a preview has little to spill.
_MAX_FILE_MB = 1024
#: From hanging up to the end of the process.
_LEAVING_SECONDS = 5.0


def answer(end: socket.socket) -> NoReturn:
    """Read one request, answer it, and end the process; soon, when nobody waits any more."""
    status = 1
    try:
        lines = end.makefile("rwb")
        request = json.loads(lines.readline())
        plan = Plan.model_validate(request["plan"])
        _limit(plan.memory_limit_mb, request["extent"]["seconds"])
        stop = threading.Event()
        threading.Thread(target=_stop_when_unwanted, args=(end, stop), daemon=True).start()
        lines.write(json.dumps(_answered(plan, request, stop)).encode() + b"\n")
        lines.flush()
        status = 0
    except BaseException:  # noqa: BLE001 - nothing may unwind into the previewer's loop
        sys.excepthook(*sys.exc_info())
    os._exit(status)


def _answered(plan: Plan, request: Mapping[str, Any], stop: threading.Event) -> dict[str, Any]:
    secrets: Mapping[str, Mapping[str, str]] = request["secrets"]

    def opened(connection: PlanConnection) -> Mapping[str, str]:
        """In a request, ``sealed`` is the name under which the secrets come along."""
        return secrets.get(connection.sealed, {})

    try:
        found = preview(
            plan,
            request["node"],
            secrets=opened,
            extent=Extent(**request["extent"]),
            parameters=request["parameters"],
            stop=stop,
        )
    except EngineError as error:
        node = error.step if isinstance(error, StepFailed) else request["node"]
        return {"failure": {"node": node, "code": error.code, "message": error.message}}
    return {"preview": found.as_json()}


def _limit(memory_mb: int, seconds: float) -> None:
    """What the operating system lets this process use, whatever its SQL asks for."""
    _lower(resource.RLIMIT_DATA, _data_bytes() + int((memory_mb * 1.3 + _SPARE_MB) * _MB))
    _lower(resource.RLIMIT_CPU, int(seconds * (os.cpu_count() or 1)) + 5)
    _lower(resource.RLIMIT_FSIZE, _MAX_FILE_MB * _MB)
    _lower(resource.RLIMIT_CORE, 0)


def _lower(what: int, limit: int) -> None:
    _, hard = resource.getrlimit(what)
    least = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(what, (least, least))


def _data_bytes() -> int:
    """What the process has already; 0 where the system does not say."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:"))


def _stop_when_unwanted(end: socket.socket, stop: threading.Event) -> None:
    """End what the databases do, too; a child that cannot be stopped in good order is ended."""
    end.recv(1)
    stop.set()
    time.sleep(_LEAVING_SECONDS)
    os._exit(1)
