from __future__ import annotations

import uuid
from datetime import UTC, datetime

import httpx
import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from factories import MembershipFactory, NodeRunFactory, RunFactory

from workflows.models import AuditEntry, LogLine, Role, Run, RunLog

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


def made_run() -> Run:
    run = RunFactory()
    NodeRunFactory(run=run, node_key="keep", node_name="Keep")
    for text, level, node in (("run started", 20, ""), ("<b>312 rows</b>", 30, "keep")):
        LogLine.objects.create(
            run=run, at=AT, level=level, node_key=node, text=text, source_id=uuid.uuid4()
        )
    return run


def member(run: Run) -> Client:
    user = MembershipFactory(user__password=None, team=run.workflow.team, role=Role.VIEWER).user
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def run(db):
    return made_run()


@pytest.fixture
def viewer(run):
    return member(run)


def ask(client: Client, what: str, owner, **query):
    prefix = owner._meta.model_name
    return client.get(reverse(f"workflows:{prefix}-log-{what}", args=[owner.pk]), query)


def test_the_index_counts_what_the_filter_leaves(viewer, run):
    assert ask(viewer, "index", run).json()["total"] == 2
    assert ask(viewer, "index", run, level="30").json()["total"] == 1
    assert ask(viewer, "index", run, text="STARTED").json()["total"] == 1


def test_the_index_says_whether_more_may_come(viewer, run):
    RunLog.objects.create(run=run, lines=2, is_complete=True, is_truncated=True)
    answer = ask(viewer, "index", run).json()
    assert (answer["complete"], answer["truncated"]) == (True, True)


def test_a_page_names_the_nodes(viewer, run):
    first, second = ask(viewer, "lines", run).json()["lines"]
    assert first[1:] == [round(AT.timestamp() * 1000), 20, "", "run started"]
    assert second[2:] == [30, "Keep", "<b>312 rows</b>"]


def test_a_search_finds_a_line_and_its_position(viewer, run):
    line = LogLine.objects.get(level=30)
    assert ask(viewer, "find", run, q="ROWS").json() == {"id": line.pk, "position": 1}
    assert ask(viewer, "find", run, q="rows", after=line.pk).json() == {}
    assert ask(viewer, "find", run).json() == {}


def test_a_permalink_leads_to_the_position_of_its_line(viewer, run):
    line = LogLine.objects.get(level=30)
    assert ask(viewer, "find", run, line=line.pk).json()["position"] == 1


def test_the_permalink_of_a_line_of_another_run_leads_nowhere(viewer, run):
    other = LogLine.objects.filter(run=made_run()).first()
    assert ask(viewer, "find", run, line=other.pk).json() == {}


def test_lines_of_a_workflow_name_their_run(viewer, run):
    line = ask(viewer, "lines", run.workflow, since="2020-01-01T00:00").json()["lines"][0]
    assert line[-2:] == [str(run.pk), str(run)]


@pytest.mark.parametrize("what", ["index", "lines", "find", "download"])
def test_the_log_of_another_team_does_not_exist(run, what):
    stranger = member(RunFactory())
    assert ask(stranger, what, run).status_code == 404
    assert ask(stranger, what, run.workflow).status_code == 404


@pytest.mark.parametrize(
    "query", [{"level": "high"}, {"start": "-3"}, {"start": "9" * 30}, {"since": "tomorrow"}]
)
def test_nonsense_in_the_address_is_ignored(viewer, run, query):
    assert ask(viewer, "lines", run, **query).status_code == 200
    assert ask(viewer, "lines", run.workflow, **query).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_the_download_is_all_of_the_log_as_text(site):
    run = made_run()
    client = member(run)
    address = reverse("workflows:run-log-download", args=[run.pk])
    name = settings.SESSION_COOKIE_NAME
    answer = httpx.get(f"{site}{address}", cookies={name: client.cookies[name].value})
    assert answer.text.splitlines() == [
        "2026-11-01T12:00:00+00:00 INFO     - run started",
        "2026-11-01T12:00:00+00:00 WARNING  keep <b>312 rows</b>",
    ]
    assert "attachment" in answer.headers["content-disposition"]
    taken = AuditEntry.objects.get(event="log.downloaded")
    assert (taken.object_id, taken.team) == (str(run.pk), run.workflow.team)
