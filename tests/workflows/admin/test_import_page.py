from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from factories import ConnectionFactory, TeamFactory

from workflows.models import Connection, Role, Workflow

pytestmark = pytest.mark.django_db

PAGE = "/admin/workflows/workflow/import/"


def table(name: str, sequence: int) -> dict[str, Any]:
    details = {"db": "neondb", "schema": "public", "table": name, "sql": ""}
    return {
        "connector_type": "postgresql",
        "connector_category": "Databases",
        "connector_id": "old-7",
        "node_name": name,
        "dbDetails": details,
        "field_mapping": [],
        "sequence": sequence,
    }


PAYLOAD = json.dumps(
    {
        "workflow_id": "dab94e95-1822-5942-bba5-5fc68c4a672f",
        "workflow_name": "Toys",
        "workspace_id": "w",
        "folder_id": "f",
        "job_id": "j",
        "connectionInformation_v1": json.dumps({"a": table("toys", 1), "b": table("sold", 2)}),
        "dependencies": json.dumps({"a": [], "b": ["a"]}),
    }
)


@pytest.fixture
def shop(team) -> Connection:
    return ConnectionFactory(team=team, slug="warehouse", external_id="old-7")


def given(team, **changes: Any) -> dict[str, Any]:
    return {"team": team.pk, "mode": "create", "timezone": "UTC", "payload": PAYLOAD, **changes}


def test_a_pasted_payload_becomes_a_workflow(editor, team, shop):
    answer = editor.post(PAGE, given(team))
    workflow = Workflow.objects.get()
    assert answer.url == reverse("admin:workflows_workflow_change", args=[workflow.pk])
    assert "Toys was imported" in str(next(iter(get_messages(answer.wsgi_request))))
    assert workflow.versions.get().author.memberships.get().team == team


def test_a_file_does_as_well(editor, team, shop):
    file = SimpleUploadedFile("toys.json", b"\xef\xbb\xbf" + PAYLOAD.encode())
    editor.post(PAGE, given(team, payload="", file=file))
    assert Workflow.objects.get().name == "Toys"


def test_which_connection_is_meant_is_asked_and_then_known(editor, team):
    ConnectionFactory(team=team, slug="warehouse", name="Warehouse")
    page = editor.post(PAGE, given(team)).content.decode()
    assert "Connection for &#x27;old-7&#x27;" in page
    assert 'value="warehouse"' in page
    assert not Workflow.objects.exists()
    editor.post(PAGE, given(team, **{"means:old-7": "warehouse"}))
    sources = Workflow.objects.get().nodes.values_list("config__connection", flat=True)
    assert set(sources) == {"warehouse"}


def test_connections_of_other_teams_are_not_offered(editor, team):
    ConnectionFactory(team=TeamFactory(), slug="theirs")
    assert "theirs" not in editor.post(PAGE, given(team)).content.decode()


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ("", "nothing to import"),
        ("{", "not JSON at line 1"),
        ("[]", "expected one JSON object"),
        ("{}", "required keys are missing"),
    ],
)
def test_what_cannot_be_imported_says_why_and_leaves_nothing(editor, team, payload, says):
    assert says in editor.post(PAGE, given(team, payload=payload)).content.decode()
    assert not Workflow.objects.exists()


def test_a_file_that_is_no_text_is_refused(editor, team):
    file = SimpleUploadedFile("toys.json", b"\xff{}")
    assert "not UTF-8 at byte 0" in editor.post(PAGE, given(team, file=file)).content.decode()


def test_an_uploaded_text_need_not_be_chosen_again(editor, team):
    file = SimpleUploadedFile("toys.json", PAYLOAD.encode())
    page = editor.post(PAGE, given(team, payload="", file=file)).content.decode()
    assert "dab94e95-1822-5942-bba5-5fc68c4a672f" in page


def test_a_workflow_that_is_there_is_replaced_when_asked_to(editor, team, shop):
    editor.post(PAGE, given(team))
    assert "exists already" in editor.post(PAGE, given(team)).content.decode()
    assert editor.post(PAGE, given(team, mode="update")).status_code == 302


def test_only_who_may_add_workflows_sees_the_button(as_role):
    lists = {
        role: as_role(role).get("/admin/workflows/workflow/").content.decode()
        for role in (Role.OPERATOR, Role.EDITOR)
    }
    assert [PAGE in page for page in lists.values()] == [False, True]
