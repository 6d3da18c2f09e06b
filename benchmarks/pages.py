"""Pages: what an operator waits for with 100,000 workflows, 1,000,000 runs and 20 teams.

Each page is asked for over HTTP, one request after the other, from the server that
``manage.py up`` starts: by a superuser, an editor of one team and a viewer of fifteen.
``first_ms`` is the first of them, with nothing remembered; ``cpu_ms`` what each of the others
costs web server and database, which a busy machine changes less than their time. ``queries`` are
those of one more request inside this process, with nothing remembered either. ``--size 0.1``
takes a tenth of the rows; they are kept in ``.flowadmin/benchmarks`` and taken again for hours.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import httpx
import psutil

from benchmarks.result import Result, p95
from benchmarks.stack import REPOSITORY, serving

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client

_HOME = REPOSITORY / ".flowadmin" / "benchmarks" / "pages"
_REQUESTS = 40
_P95_TARGET_MS = 300
_QUERIES_TARGET = 12


def measure(size: float = 1) -> Iterator[Result]:
    with serving("postgres", "redis", "prefect", "web", home=_HOME) as address:
        from benchmarks.crowd import crowd

        for role, user in crowd(size).items():
            visitor = _log_in(user)
            with httpx.Client(base_url=address, cookies=_session(visitor), trust_env=False) as web:
                for page, path in _pages(user).items():
                    yield from _measure(f"{page}, {role}", path, web, visitor)


def _measure(case: str, path: str, web: httpx.Client, visitor: Client) -> Iterator[Result]:
    from django.core.cache import cache

    _ask(web, path, 3)
    cache.clear()
    (first,) = _ask(web, path, 1)
    before = _cpu_seconds()
    others = _ask(web, path, _REQUESTS)
    spent = 1000 * (_cpu_seconds() - before) / _REQUESTS
    yield Result(case, "first_ms", first, "ms")
    yield Result.at_most(case, "p95_ms", p95(others), "ms", _P95_TARGET_MS)
    yield Result(case, "cpu_ms", spent, "ms")
    cache.clear()
    yield Result.at_most(case, "queries", _queries(path, visitor), "", _QUERIES_TARGET)


def _pages(user: User) -> Mapping[str, str]:
    """Pages that each user of the crowd may see, and what they load by themselves."""
    from django.urls import reverse

    from benchmarks.crowd import run_with_log
    from workers.models import Pool
    from workflows.admin.endless import Place
    from workflows.models import RunState

    run, pool, last = run_with_log(), Pool.objects.all()[0], _last_page(user)
    fortnight = Place("older", run.created_at - timedelta(days=14), run.pk)
    workflows = reverse("admin:workflows_workflow_changelist")
    runs = reverse("admin:workflows_run_changelist")
    return {
        "home": reverse("admin:index"),
        "workflow list": workflows,
        "workflow list, middle": f"{workflows}?p={last // 2}",
        "workflow list, last": f"{workflows}?p={last}",
        "search by name": f"{workflows}?q=Workflow+777",
        "search for nothing": f"{workflows}?q=zzzz",
        "search by name in palette": f"{reverse('admin:search')}?s=Workflow+777",
        "workflow": reverse("admin:workflows_workflow_change", args=[run.workflow_id]),
        "workflow, overview": reverse("workflows:workflow-overview", args=[run.workflow_id]),
        "run list": runs,
        "run list, deep": f"{runs}?{urlencode({'p': fortnight})}",
        "run list, failed": f"{runs}?state__exact={RunState.FAILED}",
        "run list, by name": f"{runs}?q=Workflow+777",
        "run": reverse("admin:workflows_run_change", args=[run.pk]),
        "pools": reverse("admin:workers_pool_changelist"),
        "pool": reverse("admin:workers_pool_change", args=[pool.pk]),
        "pool, slots and queue": reverse("workflows:pool-runs", args=[pool.pk]),
        "log": reverse("workflows:run-log-index", args=[run.pk]),
        "log, lines": reverse("workflows:run-log-lines", args=[run.pk]),
        "log of a workflow": reverse("admin:workflows_workflow_logs", args=[run.workflow_id]),
    }


def _last_page(user: User) -> int:
    from workflows import access
    from workflows.admin.paginator import ROWS_AT_MOST
    from workflows.models import Workflow

    rows = access.scope(user, Workflow.objects.all()).count()
    return -(-min(rows, ROWS_AT_MOST) // 50)


def _log_in(user: User) -> Client:
    from django.test import Client

    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user)
    return client


def _session(visitor: Client) -> dict[str, str]:
    return {name: cookie.value for name, cookie in visitor.cookies.items()}


def _ask(web: httpx.Client, path: str, times: int) -> list[float]:
    """Milliseconds of each request."""
    return [_milliseconds(web, path) for _ in range(times)]


def _milliseconds(web: httpx.Client, path: str) -> float:
    started = time.perf_counter()
    answer = web.get(path)
    spent = 1000 * (time.perf_counter() - started)
    if answer.status_code != 200:
        raise RuntimeError(f"'{path}' answered {answer.status_code}, not 200")
    return spent


def _cpu_seconds() -> float:
    """Of web server and database until now, processes that have ended included."""
    return sum(map(_cpu_of, psutil.Process().children(recursive=True)))


def _cpu_of(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        if any(name in " ".join(process.cmdline()) for name in ("granian", "postgres")):
            return float(sum(process.cpu_times()[:4]))
    return 0


def _queries(path: str, visitor: Client) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        visitor.get(path)
    return len(queries)
