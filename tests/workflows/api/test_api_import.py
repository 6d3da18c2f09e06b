from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workflows.models import Connection, Workflow

SAMPLE = "02_employees_salary_gt_70000"
CORPUS = Path(__file__).parents[4] / "shared" / "legacy"


@pytest.fixture
def payload(team: Any) -> dict[str, Any]:
    Connection.objects.create(
        team=team, name="W", slug="warehouse", connector="postgresql",
        options={"database": "neondb"},
    )  # fmt: skip
    return json.loads((CORPUS / f"{SAMPLE}.json").read_text())


@pytest.mark.parametrize("is_wrapped", [True, False])
def test_the_sample_is_imported(editor, payload, is_wrapped):
    body = {"payload": payload} if is_wrapped else payload
    answer = editor.post("workflows/import", {**body, "schedule": "cron:0 */2 * * *"})
    found = answer.json()
    assert answer.status_code == 201, found
    assert found["workflow_id"] == payload["workflow_id"]
    assert found["status"] == "success"
    assert (found["node_count"], found["execution_levels"]) == (3, 3)
    assert (found["pool"], found["warnings"]) == ("default-agent-pool", [])
    assert found["schedule"] == "cron:0 */2 * * *"
    assert found["deployment_name"] == f"lc_{SAMPLE}_dab94e95"
    assert Workflow.objects.get().schedules.get().cron == "0 */2 * * *"


def test_a_refusal_has_all_problems_and_writes_nothing(editor, payload):
    del payload["job_id"]
    answer = editor.post("workflows/import", {"payload": payload, "schedule": "daily"})
    body = answer.json()
    assert (answer.status_code, body["code"]) == (400, "E_SCHEMA")
    assert [issue["code"] for issue in body["issues"]] == ["E_SCHEMA", "E_SCHEDULE"]
    assert body["issues"][0]["locator"] == {"keys": ["job_id"]}
    assert not Workflow.objects.exists()


def test_a_second_import_is_409_unless_it_updates(editor, payload):
    editor.post("workflows/import", payload)
    answer = editor.post("workflows/import", payload)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_there")
    assert editor.post("workflows/import?mode=update", payload).status_code == 200
    assert editor.post("workflows/import?mode=copy", payload).status_code == 201
    assert Workflow.objects.count() == 2


def test_updating_what_is_not_there_is_404(editor, payload):
    assert editor.post("workflows/import?mode=update", payload).status_code == 404


def test_an_unknown_argument_beside_a_wrapped_payload_is_named(editor, payload):
    answer = editor.post("workflows/import", {"payload": payload, "shedule": "interval:5"})
    assert (answer.status_code, answer.json()["issues"][0]["field"]) == (400, "shedule")


def test_connections_are_mapped_in_the_request(editor, payload):
    text = payload["connectionInformation_v1"].replace("neondb", "elsewhere")
    body = {"payload": {**payload, "connectionInformation_v1": text}}
    answer = editor.post("workflows/import", body)
    assert answer.json()["code"] == "E_UNKNOWN_CONNECTION"
    mapped = {**body, "connections": {"elsewhere": "warehouse"}}
    assert editor.post("workflows/import", mapped).status_code == 201
