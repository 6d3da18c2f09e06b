from __future__ import annotations

import pytest
from factories import definition

from workflows.models import Role

ROWS = [{"name": "id", "type": "BIGINT"}, {"name": "total", "type": "DECIMAL(12,2)"}]


def test_ports_follow_the_settings(viewer):
    body = {"config": {"branches": [{"port": "large", "condition": "total > 9"}]}}
    answer = viewer.post("kinds/branch/ports", {**body, "inputs": {"in": ROWS}}).json()
    assert (answer["inputs"], answer["outputs"]) == (["in"], ["large", "else"])
    assert answer["columns"] == ROWS


def test_settings_that_do_not_pass_leave_their_ports_unknown(viewer):
    answer = viewer.post("kinds/union/ports", {"config": {"inputs": "many"}}).json()
    assert (answer["inputs"], answer["columns"]) == (None, None)
    assert answer["issues"][0]["field"] == "inputs"


def test_findings_of_a_node_name_the_field(viewer):
    body = {"config": {"condition": "totl > 1"}, "inputs": {"in": ROWS}}
    (issue,) = viewer.post("kinds/filter/ports", body).json()["issues"]
    assert (issue["code"], issue["field"]) == ("unknown_column", "condition")


@pytest.mark.parametrize("type_", ["INT) AS x, (SELECT 1", "STRUCT(a INT)", "", "INT; DROP"])
def test_a_type_is_a_name_and_nothing_else(viewer, type_):
    body = {"config": {"condition": "a > 1"}, "inputs": {"in": [{"name": "a", "type": type_}]}}
    assert viewer.post("kinds/filter/ports", body).status_code == 400


def test_an_unknown_kind_is_not_there(viewer):
    assert viewer.post("kinds/nothing/ports", {"config": {}}).status_code == 404


def test_a_saved_workflow_is_checked_with_ports_and_columns(registered, make_client):
    viewer = make_client(Role.VIEWER, registered.team)
    body = viewer.post(f"workflows/{registered.pk}/check").json()
    assert body["can_register"]
    assert body["ports"]["keep0"] == {"inputs": ["in"], "outputs": ["out"]}
    assert [column["name"] for column in body["schemas"]["keep0"]] == ["id", "amount"]


def test_a_definition_of_ones_own_takes_an_editor(registered, make_client):
    given = definition().model_dump(mode="json")
    given["nodes"][1]["config"] = {"condition": "amout > 1"}
    path = f"workflows/{registered.pk}/check"
    viewer, editor = (make_client(role, registered.team) for role in (Role.VIEWER, Role.EDITOR))
    assert viewer.post(path, {"definition": given}).status_code == 403
    body = editor.post(path, {"definition": given}).json()
    assert (body["can_register"], body["issues"][0]["node"]) == (False, "keep0")


def test_what_saving_would_refuse_is_told_before(editor):
    given = definition().model_dump(mode="json")
    given["schedules"] = [{"slug": "nightly", "cron": "0 25 * * *"}]
    body = editor.post("workflows/validate", {"definition": given}).json()
    assert ("bad_cron", "schedules.0.cron") in [(i["code"], i["field"]) for i in body["issues"]]
    assert not body["can_register"]


def test_what_the_compiler_finds_too_is_told_once(editor):
    given = definition().model_dump(mode="json")
    given["nodes"].append(given["nodes"][0])
    body = editor.post("workflows/validate", {"definition": given}).json()
    assert [issue["code"] for issue in body["issues"]].count("duplicate_node") == 1
