"""A whole FlowAdmin for the time of a measurement: own home, own ports, nothing left behind."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from dotenv import dotenv_values

REPOSITORY = Path(__file__).resolve().parents[1]
READY = "FlowAdmin is ready"
_PORTS = ("WEB", "PREFECT", "POSTGRES", "REDIS")


def free_ports() -> dict[str, str]:
    """Ports for each part, as the variables that set them."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in _PORTS]
    ports = {
        f"FLOWADMIN_{name}_PORT": str(held.getsockname()[1])
        for name, held in zip(_PORTS, sockets, strict=True)
    }
    for held in sockets:
        held.close()
    return ports


class Started:
    """A foreground command whose output is read until it says that it is ready."""

    def __init__(self, command: list[str], cwd: Path, env: Mapping[str, str]) -> None:
        self.began = time.monotonic()
        self._output: list[str] = []
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def wait_for(self, text: str) -> float:
        """Seconds from the start until a line with ``text``. Raises RuntimeError if it ends."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._output.append(line)
            if text in line:
                return time.monotonic() - self.began
        raise RuntimeError(f"it ended before '{text}':\n{''.join(self._output[-30:])}")

    def stop(self) -> None:
        """As Ctrl-C does; what it still prints is read and dropped."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)
        self.process.communicate(timeout=60)


@contextmanager
def running_stack() -> Iterator[Path]:
    """Start everything and point this process's Django at it; yields its home."""
    with tempfile.TemporaryDirectory(prefix="flowadmin-bench-") as home:
        env = os.environ | free_ports() | {"FLOWADMIN_HOME": home}
        started = Started([sys.executable, "manage.py", "up"], REPOSITORY, env)
        try:
            started.wait_for(READY)
            runtime = dotenv_values(Path(home) / "runtime.env")
            os.environ.update({k: v for k, v in runtime.items() if v is not None})
            os.environ["FLOWADMIN_WEB_PORT"] = env["FLOWADMIN_WEB_PORT"]
            os.environ.update(
                {"FLOWADMIN_HOME": home, "DJANGO_SETTINGS_MODULE": "flowadmin.settings"}
            )
            import django

            django.setup()
            yield Path(home)
        finally:
            started.stop()


@contextmanager
def serving(*names: str, home: Path | None = None) -> Iterator[str]:
    """Only these parts, and this process's Django beside them; yields the address of the web.

    The database is migrated and static files are collected before the web part starts. What is
    in ``home`` stays there; without it everything is gone afterwards.
    """
    with ExitStack() as parts:
        folder = home or parts.enter_context(_passing_home())
        os.environ.update(free_ports() | {"FLOWADMIN_HOME": str(folder)})
        from flowadmin import environment
        from flowadmin.supervisor.home import Home
        from flowadmin.supervisor.running import running
        from flowadmin.supervisor.stack import assemble

        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)  # the database server may run as another account
        state = Home(folder)
        state.make()
        stack = assemble(state)
        os.environ.update(stack.runtime() | {"DJANGO_SETTINGS_MODULE": "flowadmin.settings"})
        importlib.reload(environment)  # it was read before there were addresses
        for part in stack.parts():
            if part.name == "web":
                _prepare_web()
            if part.name in names:
                parts.enter_context(running(part))
        yield stack.web_url


@contextmanager
def _passing_home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="flowadmin-bench-") as folder:
        yield Path(folder)


def _prepare_web() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("prepare")
    call_command("collectstatic", interactive=False, verbosity=0)


def processes_below(pid: int) -> list[int]:
    """The process and all its descendants (Linux)."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for parent in found:
        found.extend(children.get(parent, ()))
    return found


def pss_mb(pids: list[int]) -> float:
    """Memory of the processes, pages they share counted once, in MB."""
    total_kb = 0
    for pid in pids:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total_kb += int(line.split()[1])
    return total_kb / 1024
