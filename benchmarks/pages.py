"""Pages: what an operator waits for with 100,000 workflows, 1,000,000 runs and 20 teams.

Each page is asked for over HTTP, one request after the other, from the server that
``manage.py up`` starts, by an editor of one team and by a superuser. ``queries`` are those of
one more request inside this process. ``--size 0.1`` takes a tenth of the rows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from benchmarks.result import Result, p95
from benchmarks.stack import serving

if TYPE_CHECKING:
    from django.contrib.auth.models import User

_REQUESTS = 40
_WARM_UP = 3
_P95_TARGET_MS = 300
_QUERIES_TARGET = 12


def measure(size: float = 1) -> Iterator[Result]:
    with serving("postgres", "redis", "prefect", "web") as address:
        from benchmarks.crowd import make_crowd

        editor, root = make_crowd(size)
        for role, user in (("editor", editor), ("superuser", root)):
            for page, path in _pages(user).items():
                case = f"{page}, {role}"
                milliseconds = _ask(address, path, user)
                yield Result.at_most(case, "p95_ms", p95(milliseconds), "ms", _P95_TARGET_MS)
                yield Result.at_most(case, "queries", _queries(path, user), "", _QUERIES_TARGET)


def _pages(user: User) -> Mapping[str, str]:
    from django.urls import reverse

    from workers.models import Pool
    from workflows import access
    from workflows.models import Run, RunState, Workflow

    run = access.scope(user, Run.objects.filter(state=RunState.COMPLETED)).first()
    workflow = access.scope(user, Workflow.objects.order_by("-updated_at")).first()
    assert run is not None and workflow is not None
    workflows = reverse("admin:workflows_workflow_changelist")
    runs = reverse("admin:workflows_run_changelist")
    return {
        "home": reverse("admin:index"),
        "workflow list": workflows,
        "workflow list, deep": f"{workflows}?p=90",
        "search by name": f"{workflows}?q=Workflow+777",
        "search for nothing": f"{workflows}?q=zzzz",
        "workflow": reverse("admin:workflows_workflow_change", args=[workflow.pk]),
        "run list": runs,
        "run list, deep": f"{runs}?p=50",
        "run list, failed": f"{runs}?state__exact={RunState.FAILED}",
        "run": reverse("admin:workflows_run_change", args=[run.pk]),
        "pools": reverse("admin:workers_pool_changelist"),
        "pool": reverse("admin:workers_pool_change", args=[Pool.objects.all()[0].pk]),
        "log": reverse("workflows:run-log-lines", args=[run.pk]),
    }


def _ask(address: str, path: str, user: User) -> list[float]:
    """Milliseconds of each request, from a server that has seen the page before."""
    with httpx.Client(
        base_url=address, cookies=_session(user), trust_env=False, follow_redirects=True
    ) as client:
        for _ in range(_WARM_UP):
            client.get(path).raise_for_status()
        return [_milliseconds(client, path) for _ in range(_REQUESTS)]


def _milliseconds(client: httpx.Client, path: str) -> float:
    started = time.perf_counter()
    client.get(path)
    return 1000 * (time.perf_counter() - started)


def _session(user: User) -> dict[str, str]:
    from django.conf import settings
    from django.test import Client

    client = Client()
    client.force_login(user)
    return {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}


def _queries(path: str, user: User) -> int:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(SERVER_NAME=urlsplit("//127.0.0.1").hostname)
    client.force_login(user)
    with CaptureQueriesContext(connection) as queries:
        client.get(path)
    return len(queries)
