"""Two thousand viewers of one run on one process of the web server.

Threads and database connections of that process, and how long another request takes
meanwhile: a page of the admin by a logged-in user, while the run changes every second.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from uuid import uuid4

import django
import httpx
import psutil
from django.core.management import call_command

from benchmarks.result import Result, p95
from flowadmin.embedded import postgres, redis
from flowadmin.embedded.part import free_port
from flowadmin.supervisor.running import running
from flowadmin.supervisor.web import web

VIEWERS = 2_000
SECONDS = 20
_AT_ONCE = 100


def measure() -> Iterator[Result]:
    with _site() as (address, database):
        yield from asyncio.run(_measure(address, database))


@contextmanager
def _site() -> Iterator[tuple[str, int]]:
    """The web server with its PostgreSQL and Redis; its address and the database's port."""
    with ExitStack() as parts:
        home = Path(parts.enter_context(TemporaryDirectory(prefix="flowadmin-bench-")))
        home.chmod(0o755)  # PostgreSQL's account must be able to enter.
        cluster = postgres.cluster(home, free_port(), password := token_hex(8), "auto")
        parts.enter_context(running(postgres.server(cluster)))
        parts.enter_context(running(redis.server(home, redis_port := free_port(), password)))
        os.environ |= {
            "FLOWADMIN_HOME": str(home),
            "DATABASE_URL": cluster.url("flowadmin"),
            "REDIS_URL": redis.url(redis_port, password),
            "DJANGO_SETTINGS_MODULE": "flowadmin.settings",
        }
        django.setup()
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        parts.enter_context(running(web(port := free_port(), dict(os.environ))))
        yield f"127.0.0.1:{port}", cluster.port


async def _measure(address: str, database: int) -> list[Result]:
    run_id, cookie, ticket = await asyncio.to_thread(_logged_in)
    process = _server(address)
    began = time.monotonic()
    viewers = [Viewer() for _ in range(VIEWERS)]
    gate = asyncio.Semaphore(_AT_ONCE)
    await asyncio.gather(*(viewer.open(address, ticket, cookie, gate) for viewer in viewers))
    opened = time.monotonic() - began
    rss_mb = process.memory_info().rss / 2**20
    before = sum(viewer.events for viewer in viewers)
    seconds, used = await _others(address, cookie, run_id, process)
    events = sum(viewer.events for viewer in viewers) - before
    results = [
        Result("viewers", "open_s", opened, "s"),
        Result("viewers", "events_per_second", events / SECONDS, "1/s"),
        Result("viewers", "cpu_of_one_core", used, "%"),
        Result("viewers", "rss_mb", rss_mb, "MB"),
        Result.at_most("viewers", "threads", process.num_threads(), "threads", 10),
        Result.at_most("viewers", "db_connections", _connections(process, database), "", 2),
        Result("viewers", "other_request_p95_ms", p95(seconds) * 1000, "ms"),
    ]
    for viewer in viewers:
        viewer.close()
    alone, _ = await _others(address, cookie, run_id, process)
    return [*results, Result("nobody else", "other_request_p95_ms", p95(alone) * 1000, "ms")]


class Viewer:
    """One connection; reads and counts events."""

    events = 0

    async def open(self, address: str, ticket: str, cookie: str, gate: asyncio.Semaphore) -> None:
        """Until the first event has come."""
        host, port = address.split(":")
        async with gate:
            reader, self._writer = await asyncio.open_connection(host, int(port))
            request = f"GET /sse/?ticket={ticket} HTTP/1.1\r\nHost: {address}\r\n"
            self._writer.write(f"{request}Cookie: sessionid={cookie}\r\n\r\n".encode())
            first = asyncio.Event()
            self._reading = asyncio.create_task(self._read(reader, first))
            await asyncio.wait_for(first.wait(), 60)

    async def _read(self, reader: asyncio.StreamReader, first: asyncio.Event) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(65536):
                self.events += chunk.count(b"\nid: ") + chunk.startswith(b"id: ")
                if self.events:
                    first.set()

    def close(self) -> None:
        self._reading.cancel()
        self._writer.close()


async def _others(
    address: str, cookie: str, run_id: str, process: psutil.Process
) -> tuple[list[float], float]:
    """Seconds of each other request, and the CPU that the process used, in percent."""
    seconds: list[float] = []
    cpu, began = sum(process.cpu_times()[:2]), time.monotonic()
    async with httpx.AsyncClient(
        base_url=f"http://{address}", cookies={"sessionid": cookie}, timeout=30
    ) as client:
        while time.monotonic() < began + SECONDS:
            await asyncio.to_thread(_change, run_id)
            asked = time.monotonic()
            (await client.get("/admin/workflows/connection/")).raise_for_status()
            seconds.append(time.monotonic() - asked)
            await asyncio.sleep(0.4)
    used = sum(process.cpu_times()[:2]) - cpu
    return seconds, 100 * used / (time.monotonic() - began)


def _logged_in() -> tuple[str, str, str]:
    """A run that goes on, a session of the administrator, and a ticket for the run."""
    from django.contrib.auth.models import User
    from django.test import Client
    from django.utils import timezone

    from flowadmin.bootstrap.accounts import ensure_team
    from workflows.models import Run, RunState, Workflow
    from workflows.streams.ticket import mint

    now = timezone.now()
    workflow = Workflow.objects.create(team=ensure_team(), name="Orders", slug="orders")
    run = Run.objects.create(
        pk=uuid4(), workflow=workflow, state=RunState.RUNNING, state_at=now, created_at=now
    )
    client = Client()
    client.force_login(user := User.objects.create_superuser("admin"))
    key = client.cookies["sessionid"].value
    return str(run.pk), key, mint(user, key, [f"run:{run.pk}"])


def _change(run_id: str) -> None:
    from django.utils import timezone

    from workflows.models import Run

    # The pool is shown in the page.
    Run.objects.filter(pk=run_id).update(pool=uuid4().hex, state_at=timezone.now())


def _server(address: str) -> psutil.Process:
    """The process that serves: granian's worker, below its main process."""
    port = address.rpartition(":")[2]
    (main,) = [child for child in psutil.Process().children() if port in child.cmdline()]
    return main.children()[0]


def _connections(process: psutil.Process, database: int) -> int:
    found = process.net_connections("tcp")
    return sum(bool(one.raddr) and one.raddr.port == database for one in found)
