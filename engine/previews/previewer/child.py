"""One preview in a process of its own, which ends with it."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, NoReturn

from engine.errors import EngineError, StepFailed
from engine.plan import Plan, PlanConnection
from engine.previews.previewing import preview
from engine.samples.sample import Extent
from engine.warm.confining import confine

#: From hanging up to the end of the process.
_LEAVING_SECONDS = 5.0


def answer(end: socket.socket) -> NoReturn:
    """Read one request, answer it, and end the process; soon, when nobody waits any more."""
    status = 1
    try:
        lines = end.makefile("rwb")
        request = json.loads(lines.readline())
        folder = confine(request["plan"])
        stop = threading.Event()
        threading.Thread(target=_stop_when_unwanted, args=(end, stop), daemon=True).start()
        lines.write(json.dumps(_answered(request, stop)).encode() + b"\n")
        lines.flush()
        folder.close()
        status = 0
    except BaseException:  # noqa: BLE001 - nothing may unwind into the previewer's loop
        sys.excepthook(*sys.exc_info())
    os._exit(status)


def _answered(request: Mapping[str, Any], stop: threading.Event) -> dict[str, Any]:
    secrets: Mapping[str, Mapping[str, str]] = request["secrets"]

    def opened(connection: PlanConnection) -> Mapping[str, str]:
        """In a request, ``sealed`` is the name under which the secrets come along."""
        return secrets.get(connection.sealed, {})

    try:
        found = preview(
            Plan.model_validate(request["plan"]),
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


def _stop_when_unwanted(end: socket.socket, stop: threading.Event) -> None:
    """End what the databases do, too; a child that cannot be stopped in good order is ended."""
    end.recv(1)
    stop.set()
    time.sleep(_LEAVING_SECONDS)
    os._exit(1)
