"""Two thousand viewers on one process of the web server, spread over all live pages.

Threads and database connections of that process, and how long another request takes
meanwhile: a page of the admin by a logged-in user, while run and pools change all the time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from uuid import uuid4

import django
import httpx
import psutil
from django.core.management import call_command

from benchmarks.result import Result, p95
from benchmarks.viewers import viewers
from flowadmin.embedded import postgres, redis
from flowadmin.embedded.part import free_port
from flowadmin.supervisor.running import running
from flowadmin.supervisor.web import web

VIEWERS = 2_000
SECONDS = 20


def measure() -> Iterator[Result]:
    with _site() as (address, database):
        yield from _measure(address, database)


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


def _measure(address: str, database: int) -> Iterator[Result]:
    run_id, cookie, tickets = _logged_in()
    process = _server(address)
    alone, _ = _others(address, cookie, run_id, process)
    with viewers(address, cookie, tickets, VIEWERS) as crowd:
        before = crowd.events()
        seconds, used = _others(address, cookie, run_id, process)
        events = crowd.events() - before
        rss_mb = process.memory_info().rss / 2**20
        yield Result("viewers", "open_s", crowd.open_seconds, "s")
        yield Result("viewers", "events_per_second", events / SECONDS, "1/s")
        yield Result("viewers", "cpu_of_one_core", used, "%")
        yield Result("viewers", "rss_mb", rss_mb, "MB")
        yield Result.at_most("viewers", "threads", process.num_threads(), "threads", 10)
        yield Result.at_most("viewers", "db_connections", _connections(process, database), "", 2)
    base, with_viewers = p95(alone) * 1000, p95(seconds) * 1000
    yield Result("nobody else", "other_request_p95_ms", base, "ms")
    yield Result(
        "viewers",
        "other_request_p95_ms",
        with_viewers,
        "ms",
        baseline=base,
        ratio=with_viewers / base,
    )


def _others(
    address: str, cookie: str, run_id: str, process: psutil.Process
) -> tuple[list[float], float]:
    """Seconds of each other request, and the CPU that the process used, in percent."""
    seconds: list[float] = []
    cpu, began = sum(process.cpu_times()[:2]), time.monotonic()
    with httpx.Client(
        base_url=f"http://{address}", cookies={"sessionid": cookie}, timeout=30
    ) as client:
        while time.monotonic() < began + SECONDS:
            _change(run_id)
            for _ in range(3):
                asked = time.monotonic()
                client.get("/admin/workflows/connection/").raise_for_status()
                seconds.append(time.monotonic() - asked)
                time.sleep(0.15)
    used = sum(process.cpu_times()[:2]) - cpu
    return seconds, 100 * used / (time.monotonic() - began)


def _logged_in() -> tuple[str, str, list[str]]:
    """A run that goes on, a session of the administrator, and a ticket for each live page."""
    from django.contrib.auth.models import User
    from django.test import Client
    from django.utils import timezone

    from flowadmin.bootstrap.accounts import ensure_team
    from workers.models import Pool
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
    pages = (
        [f"run:{run.pk}", f"run-log:{run.pk}"],
        [f"workflow:{workflow.pk}"],
        [f"pool:{Pool.objects.values_list('pk', flat=True)[0]}"],
        ["home"],
        ["runs"],
        ["pools"],
    )
    return str(run.pk), key, [mint(user, key, topics) for topics in pages]


def _change(run_id: str) -> None:
    from django.utils import timezone

    from workers.models import Pool
    from workflows.models import Run

    # The pool is shown in the page.
    Run.objects.filter(pk=run_id).update(pool=uuid4().hex, state_at=timezone.now())
    Pool.objects.update(description=uuid4().hex)


def _server(address: str) -> psutil.Process:
    """The process that serves: granian's worker, below its main process."""
    port = address.rpartition(":")[2]
    (main,) = [child for child in psutil.Process().children() if port in child.cmdline()]
    return main.children()[0]


def _connections(process: psutil.Process, database: int) -> int:
    found = process.net_connections("tcp")
    return sum(bool(one.raddr) and one.raddr.port == database for one in found)
