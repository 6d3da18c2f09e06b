from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from workflows.models import Team, Workflow


def test_a_workflow_with_findings_is_stored_and_they_are_in_the_answer(editor, definition):
    answer = editor.post(
        "workflows/", {"definition": definition, "layout": {"read": {"x": 1, "y": 2}}}
    )
    body = answer.json()
    assert answer.status_code == 201
    assert answer["Location"].endswith(f"/api/v1/workflows/{body['id']}/")
    assert {(i["code"], i["node"], i["field"]) for i in body["issues"]} >= {
        ("connection_missing", "read", "connection")
    }
    assert body["version"] == 1
    assert body["layout"]["read"] == {"x": 1.0, "y": 2.0}
    assert body["registration"]["state"] == "pending"


def test_a_workflow_is_read_as_it_was_written(editor, workflow, definition):
    body = editor.get(f"workflows/{workflow['id']}/").json()
    assert [node["key"] for node in body["definition"]["nodes"]] == ["read", "large", "write"]
    assert body["definition"]["nodes"][1]["config"] == {"condition": "amount > 100"}
    assert body["team"] == "shop"


def test_replacing_makes_a_new_version(editor, workflow, definition):
    body = {"definition": {**definition, "name": "Big orders"}, "version": 1}
    answer = editor.put(f"workflows/{workflow['id']}/", body)
    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["version"]) == ("Big orders", 2)


def test_a_stale_save_is_refused_with_the_version_that_is_there(editor, workflow, definition):
    path = f"workflows/{workflow['id']}/"
    editor.put(path, {"definition": {**definition, "name": "First"}, "version": 1})
    answer = editor.put(path, {"definition": {**definition, "name": "Second"}, "version": 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "stale_version")
    assert answer.json()["current"]["version"] == 2
    assert answer.json()["current"]["definition"]["name"] == "First"
    assert Workflow.objects.get().name == "First"


def test_only_an_admin_deletes(editor, admin, workflow):
    path = f"workflows/{workflow['id']}/"
    assert editor.delete(path).status_code == 403
    assert admin.delete(path).status_code == 204
    assert not Workflow.objects.exists()


@pytest.mark.parametrize(
    ("change", "node", "field"),
    [
        ({"nodes": [{"key": "a", "kind": "filter", "colour": 1}]}, "a", "colour"),
        ({"nodes": [{"key": "a", "kind": "filter", "retries": 99}]}, "a", "retries"),
        ({"name": ""}, "", "name"),
        ({"schedule": "daily"}, "", "schedule"),
    ],
)
def test_a_malformed_definition_names_node_and_field(editor, definition, change, node, field):
    answer = editor.post("workflows/", {"definition": {**definition, **change}})
    [issue] = answer.json()["issues"]
    assert (answer.status_code, answer.json()["code"]) == (400, "definition_invalid")
    assert (issue["node"], issue["field"]) == (node, field)


def test_what_rows_cannot_hold_is_refused_with_all_its_problems(editor, definition):
    definition["nodes"].append(definition["nodes"][0])
    definition["schedules"] = [
        {"cron": "61 * * * *"},
        {"slug": "x", "cron": "0 2 * * *", "timezone": "Mars"},
    ]
    answer = editor.post("workflows/", {"definition": definition})
    assert (answer.status_code, answer.json()["code"]) == (400, "definition_rejected")
    assert len(answer.json()["issues"]) == 3
    assert not Workflow.objects.exists()


def test_a_cycle_is_stored_and_named(editor, definition):
    definition["dependencies"].append({"source": "large", "target": "large"})
    definition["dependencies"].append({"source": "write", "target": "read"})
    answer = editor.post("workflows/validate", {"definition": definition})
    assert "cycle" in {issue["code"] for issue in answer.json()["issues"]}
    assert answer.json()["can_register"] is False


def test_validating_stores_nothing(editor, definition):
    assert editor.post("workflows/validate", {"definition": definition}).status_code == 200
    assert not Workflow.objects.exists()


def test_too_many_nodes_are_refused(editor, definition):
    definition["nodes"] = [{"key": f"n{i}", "kind": "filter"} for i in range(5_001)]
    answer = editor.post("workflows/", {"definition": definition})
    assert (answer.status_code, answer.json()["code"]) == (400, "too_many_nodes")


def test_the_list_is_searched_and_paged(editor, definition):
    for name in ("Orders", "Customers", "Old orders"):
        editor.post("workflows/", {"definition": {**definition, "name": name}})
    found = editor.get("workflows/", search="orders", page_size=1).json()
    assert [row["name"] for row in found["results"]] == ["Old orders"]
    next_page = found["next"].partition("/api/v1/")[2]
    assert [row["name"] for row in editor.get(next_page).json()["results"]] == ["Orders"]


def test_the_list_costs_the_same_whatever_its_length(
    editor, definition, django_assert_max_num_queries
):
    for number in range(5):
        editor.post("workflows/", {"definition": {**definition, "name": f"W{number}"}})
    with django_assert_max_num_queries(4):
        assert len(editor.get("workflows/").json()["results"]) == 5


def test_a_user_of_several_teams_must_say_which(member, definition):
    other = Team.objects.create(name="Lab", slug="lab")
    other.memberships.create(user=member, role=30)
    client = Client()
    client.force_login(member)
    body: dict[str, Any] = {"definition": definition}
    answer = client.post("/api/v1/workflows/", body, "application/json")
    assert (answer.status_code, answer.json()["issues"][0]["field"]) == (400, "team")
    answer = client.post("/api/v1/workflows/", {**body, "team": "lab"}, "application/json")
    assert answer.json()["team"] == "lab"


def test_kinds_carry_schema_ports_and_example(viewer):
    kinds = {kind["slug"]: kind for kind in viewer.get("kinds").json()}
    assert kinds["join"]["inputs"] == ["left", "right"]
    assert "condition" in kinds["filter"]["config_schema"]["properties"]
    assert kinds["filter"]["example"]


def test_a_workflow_tells_how_often_it_runs_at_a_time(viewer, workflow):
    path = f"workflows/{workflow['id']}/"
    assert viewer.get(path).json()["concurrency_limit"] is None
    Workflow.objects.update(concurrency_limit=2, overlap="CANCEL_NEW")
    told = viewer.get(path).json()
    assert (told["concurrency_limit"], told["overlap"]) == (2, "CANCEL_NEW")
