"""Streams through the real web server."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import psutil
import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.utils import timezone
from factories import MembershipFactory, RunFactory

from flowadmin.embedded.part import free_port
from flowadmin.supervisor.running import running
from flowadmin.supervisor.web import web
from workflows.models import Membership, Role, Run, RunLog, RunState
from workflows.services import tokens
from workflows.streams.ticket import mint

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(site):
    return RunFactory(state=RunState.COMPLETED, state_name="Completed", state_at=timezone.now())


class Viewer:
    """A browser that is logged in as a member of a team."""

    def __init__(self, site: str, team: Any = None) -> None:
        self.site = site
        member = MembershipFactory(user__password=None, **({"team": team} if team else {}))
        self.user, self.client = member.user, Client()
        self.client.force_login(self.user)

    @property
    def session_key(self) -> str:
        return self.client.cookies[settings.SESSION_COOKIE_NAME].value

    @contextmanager
    def stream(self, *topics: str, ticket: str = "", **headers: str) -> Iterator[httpx.Response]:
        ticket = ticket or mint(self.user, self.session_key, topics)
        cookie = f"{settings.SESSION_COOKIE_NAME}={self.session_key}"
        with httpx.stream(
            "GET",
            f"{self.site}/sse/",
            params={"ticket": ticket},
            headers={"cookie": cookie, **headers},
            timeout=30,
        ) as answer:
            yield answer


def messages(answer: httpx.Response) -> Iterator[tuple[str, Any]]:
    """(id or name of the event, data)."""
    name = ""
    for line in answer.iter_lines():
        field, _, value = line.partition(": ")
        if field in ("id", "event"):
            name = value
        elif field == "data":
            yield name, json.loads(value)


@pytest.fixture
def viewer(site, run):
    return Viewer(site, run.workflow.team)


def test_a_stream_begins_with_all_there_is(viewer, run):
    with viewer.stream(f"run:{run.pk}") as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        _, parts = next(messages(answer))
    assert set(parts) == {"run-summary", "run-nodes", "run-changes", "run-state"}


def test_then_come_the_parts_that_change(viewer, run):
    with viewer.stream(f"run:{run.pk}") as answer:
        news = messages(answer)
        next(news)
        Run.objects.update(state=RunState.FAILED, state_name="Failed")
        _, parts = next(news)
    assert parts["run-state"] == "FAILED"
    assert "run-nodes" not in parts


def test_who_comes_back_is_sent_only_what_has_changed_meanwhile(viewer, run):
    with viewer.stream(f"run:{run.pk}") as answer:
        shown, _ = next(messages(answer))
    Run.objects.update(message="changed", state_at=timezone.now())
    with viewer.stream(f"run:{run.pk}", **{"last-event-id": shown}) as answer:
        Run.objects.update(state=RunState.FAILED, state_name="Failed", state_at=timezone.now())
        _, parts = next(messages(answer))
    assert "run-nodes" not in parts


def test_a_stream_of_another_team_is_refused(site, run):
    with Viewer(site).stream(f"run:{run.pk}") as answer:
        assert list(messages(answer)) == [("refused", {})]


@pytest.mark.slow
def test_a_stream_ends_when_the_right_to_look_is_lost(viewer, run):
    with viewer.stream(f"run:{run.pk}") as answer:
        news = messages(answer)
        next(news)
        Membership.objects.all().delete()
        assert list(news) == [("refused", {})]


def test_an_altered_ticket_is_refused(viewer, run):
    ticket = mint(viewer.user, viewer.session_key, [f"run:{run.pk}"])
    with viewer.stream(ticket=ticket[:-2] + "xx") as answer:
        assert answer.status_code == 403


def test_an_old_ticket_is_refused(viewer, run):
    with time_machine.travel(timezone.now() - timedelta(minutes=2), tick=False):
        ticket = mint(viewer.user, viewer.session_key, [f"run:{run.pk}"])
    with viewer.stream(ticket=ticket) as answer:
        assert answer.status_code == 403


@pytest.fixture
def token(run):
    """(row, plain text) of a token of the run's team."""
    return tokens.create(team=run.workflow.team, name="ci", role=Role.VIEWER)


@contextmanager
def followed(site: str, run: Run, plain: str, proof: str | None = None) -> Iterator[Any]:
    """The stream of a run's log, asked for by API and opened with ``proof``."""
    bearer = {"authorization": f"Bearer {plain}"}
    asked = httpx.post(f"{site}/api/v1/runs/{run.pk}/stream", headers=bearer)
    assert asked.status_code == 201
    if proof is not None:
        bearer = {"authorization": f"Bearer {proof}"}
    with httpx.stream("GET", site + asked.json()["address"], headers=bearer, timeout=30) as answer:
        yield messages(answer)


def test_a_token_follows_the_log_of_a_run(site, run, token):
    with followed(site, run, token[1]) as news:
        assert next(news)[1] == {"log": "0 open"}
        RunLog.objects.update(lines=3, is_complete=True)
        assert next(news)[1] == {"log": "3 complete"}


@pytest.mark.parametrize("proof", ["none", "fa_00000000_wrong"])
def test_a_tokens_ticket_opens_nothing_without_the_token(site, run, token, proof):
    with followed(site, run, token[1], proof) as news:
        assert list(news) == [("refused", {})]


@pytest.mark.slow
def test_a_revoked_token_hears_no_more(site, run, token):
    row, plain = token
    with followed(site, run, plain) as news:
        next(news)
        tokens.revoke(row)
        assert list(news) == [("refused", {})]


def test_nothing_but_get_is_served(site):
    assert httpx.post(f"{site}/sse/").status_code == 405


def test_streams_end_when_the_server_stops(viewer, run, web_server):
    other = web(port := free_port(), web_server.env)
    viewer.site = f"http://127.0.0.1:{port}"
    with running(other), viewer.stream(f"run:{run.pk}") as answer:
        news = messages(answer)
        next(news)
        (pid,) = listeners(port)
        os.kill(pid, signal.SIGTERM)
        assert list(news) == []


def listeners(port: int) -> list[int]:
    """Main processes that were started to listen at the port."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline", "ppid"])
        if str(port) in (process.info["cmdline"] or []) and process.info["ppid"] == os.getpid()
    ]
