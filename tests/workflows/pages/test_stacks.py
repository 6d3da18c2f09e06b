from __future__ import annotations

import uuid

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from factories import MembershipFactory, RunFactory

from engine.stack import HEADING
from workflows.models import LogLine, Role, Run, RunLog, RunState

pytestmark = pytest.mark.django_db


@pytest.fixture
def run():
    return RunFactory(state=RunState.FAILED)


def write(run: Run, node: str, *texts: str) -> None:
    """One message of several lines."""
    message = uuid.uuid4()
    for part, text in enumerate(texts):
        at = timezone.now()
        row = {"at": at, "level": 40, "node_key": node, "source_id": message, "part": part}
        LogLine.objects.create(run=run, text=text, **row)


def show(run: Run, node: str, team=None) -> str:
    member = MembershipFactory(
        user__password=None, team=team or run.workflow.team, role=Role.VIEWER
    )
    client = Client()
    client.force_login(member.user)
    answer = client.get(reverse("workflows:run-stack", args=[run.pk]), {"node": node})
    return answer.content.decode() if answer.status_code == 200 else ""


def test_the_stack_of_the_node_is_shown_without_what_stands_before_it(run):
    write(run, "read", "it did not work", HEADING, "builtins.ValueError", "  here.py:1 in f: x")
    write(run, "load", "skipped", HEADING, "another")
    page = show(run, "read")
    assert "builtins.ValueError\n  here.py:1 in f: x" in page
    assert "it did not work" not in page
    assert "another" not in page


def test_of_several_attempts_the_latest_is_shown(run):
    write(run, "read", "failed", HEADING, "first")
    write(run, "read", "failed", HEADING, "second")
    assert "second" in show(run, "read")
    assert "first" not in show(run, "read")


def test_a_stack_of_prefect_itself_is_one_too(run):
    write(run, "", "Encountered", "Traceback (most recent call last):", '  File "x.py"')
    assert "File &quot;x.py&quot;" in show(run, "")


def test_a_log_that_has_not_come_yet_says_so(run):
    assert "has not come from Prefect yet" in show(run, "read")


def test_a_log_without_a_stack_says_so(run):
    RunLog.objects.create(run=run, is_complete=True)
    assert "No stack was logged" in show(run, "read")


def test_the_stack_of_another_team_does_not_exist(run):
    write(run, "read", HEADING, "secret")
    assert show(run, "read", team=RunFactory().workflow.team) == ""
