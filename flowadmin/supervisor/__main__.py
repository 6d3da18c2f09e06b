"""``python -m flowadmin.supervisor up|demo|reset``; users call it as ``manage.py up``."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys

from flowadmin import __version__
from flowadmin.embedded.part import Part
from flowadmin.environment import HOME
from flowadmin.supervisor import leftovers, stack
from flowadmin.supervisor.console import Console
from flowadmin.supervisor.guarding import Guard
from flowadmin.supervisor.home import AlreadyRunning, Home
from flowadmin.supervisor.supervisor import PortTaken, Supervisor, check_ports

#: What the last task of a start needs: everything.
_ALL = ("prefect", "prepare", "web", "celery", "worker")


def main(mode: str) -> int:
    home = Home(HOME)
    home.make()
    whole = stack.assemble(home)
    try:
        if mode == "reset":
            return _reset(home, whole)
        with home.lock(f"process {os.getpid()} at {whole.web_url}"):
            return _run(home, whole, mode)
    except (AlreadyRunning, PortTaken, FileNotFoundError, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _run(home: Home, whole: stack.Stack, mode: str) -> int:
    console = Console(home.logs)
    leftovers.sweep(home.pids, console.say)
    console.say("flowadmin", f"{__version__}, state in '{home.path}'")
    parts = [*whole.parts(), *_last(whole, mode)]
    check_ports(parts)
    home.write_runtime(whole.runtime())
    goal = "demo" if mode == "demo" else None
    with Guard(home.pids) as guard:
        return asyncio.run(Supervisor(parts, guard, console, goal).run())


def _reset(home: Home, whole: stack.Stack) -> int:
    """Remove all state; refused while it is in use."""
    with home.lock(f"process {os.getpid()}, which removes it"):
        shutil.rmtree(whole.cluster.folder, ignore_errors=True)
        shutil.rmtree(home.path)
    return 0


def _last(whole: stack.Stack, mode: str) -> list[Part]:
    if mode == "demo":
        loading = whole.task("samples", "bootstrap", "--samples-only", after=_ALL)
        return [loading, whole.task("demo", "run_sample", after=("samples",))]
    return [whole.task("bootstrap", "bootstrap", after=_ALL)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
