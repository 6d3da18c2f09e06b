from __future__ import annotations

from typing import Any

import psycopg
import pytest

from workflows.models import Connection, Role, Workflow

CANARY = "s3cr3t-c4n4ry"


@pytest.fixture
def body(shop: Connection) -> dict[str, Any]:
    return {
        "name": "Warehouse",
        "slug": "warehouse",
        "connector": "postgresql",
        "options": dict(shop.options),
        "secrets": {"password": CANARY},
    }


@pytest.fixture
def stored(admin: Any, body: dict[str, Any]) -> dict[str, Any]:
    answer = admin.post("connections/", body)
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_secrets_are_written_and_never_read(admin, viewer, stored):
    assert stored["has_secrets"] is True
    for answer in (
        viewer.get("connections/"),
        viewer.get("connections/warehouse/"),
        admin.get("connections/warehouse/"),
    ):
        assert answer.status_code == 200
        assert CANARY.encode() not in answer.content
    assert Connection.objects.get(slug="warehouse").secrets == {"password": CANARY}


def test_an_editor_writes_and_an_operator_does_not(editor, operator, body):
    assert operator.post("connections/", body).status_code == 403
    assert editor.post("connections/", body).status_code == 201
    assert editor.delete("connections/warehouse/").status_code == 403


def test_other_options_need_the_secrets_again(admin, body, stored):
    change = {"name": "W", "options": {**body["options"], "host": "evil.example"}}
    answer = admin.put("connections/warehouse/", change)
    assert answer.status_code == 400
    assert "secrets must be given again: 'password'" in answer.json()["detail"]
    answer = admin.put("connections/warehouse/", {**change, "secrets": {"password": "new"}})
    assert answer.status_code == 200
    assert Connection.objects.get(slug="warehouse").secrets == {"password": "new"}


def test_each_setting_that_does_not_pass_is_an_issue_without_its_value(admin, body):
    body["options"] = {"host": "db", "prot": 1, "port": "five", "user": "u"}
    answer = admin.post("connections/", body).json()
    found = {issue["field"]: issue["message"] for issue in answer["issues"]}
    assert found.keys() == {"database", "prot", "port"}
    assert "did you mean 'port'?" in found["prot"]
    assert "five" not in str(answer)


def test_a_new_name_needs_no_secret(admin, body, stored):
    change = {"name": "Renamed", "options": body["options"]}
    assert admin.put("connections/warehouse/", change).json()["name"] == "Renamed"
    assert Connection.objects.get(slug="warehouse").secrets == {"password": CANARY}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"connector": "postgres"}, "did you mean 'postgresql'"),
        ({"options": {"password": "x"}}, "secret among the options: 'password'"),
        ({"secrets": {"pasword": "x"}}, "pasword"),
    ],
)
def test_what_the_connector_does_not_take_is_refused(admin, body, change, says):
    answer = admin.post("connections/", {**body, **change})
    assert answer.status_code == 400
    assert says in answer.json()["detail"]
    assert not Connection.objects.filter(slug="warehouse").exists()


def test_a_slug_is_taken_once_in_a_team(admin, body, stored):
    answer = admin.post("connections/", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_there")


def test_a_connection_in_use_is_not_deleted(admin, editor, stored, workflow):
    answer = admin.delete("connections/warehouse/")
    assert (answer.status_code, answer.json()["code"]) == (409, "connection_in_use")
    Workflow.objects.all().delete()
    assert admin.delete("connections/warehouse/").status_code == 204


def test_testing_says_what_answered(editor, shop, stored):
    Connection.objects.filter(slug="warehouse").update(secrets=shop.secrets)
    answer = editor.post("connections/warehouse/test")
    assert answer.status_code == 200, answer.content
    assert "PostgreSQL" in answer.json()["message"]


def test_testing_an_address_where_nothing_answers_is_a_problem(admin, body):
    options = {**body["options"], "host": "127.0.0.1", "port": 9}
    admin.post("connections/", {**body, "options": options})
    answer = admin.post("connections/warehouse/test")
    assert (answer.status_code, answer.json()["code"]) == (502, "E_UNREACHABLE")
    assert CANARY.encode() not in answer.content


def test_another_teams_connection_is_not_there(stranger, stored):
    assert stranger.get("connections/warehouse/").status_code == 404
    assert stranger.post("connections/warehouse/test").status_code == 404
    assert stranger.get("connections/").json() == []


def test_a_viewer_does_not_test(make_client, stored):
    assert make_client(Role.VIEWER).post("connections/warehouse/test").status_code == 403


@pytest.fixture
def warehouse(admin: Any, body: dict[str, Any], shop: Connection) -> str:
    """The address of a connection that leads somewhere."""
    assert admin.post("connections/", {**body, "secrets": dict(shop.secrets)}).status_code == 201
    return "connections/warehouse"


def test_tables_come_with_an_estimate_of_their_rows(editor, operator, warehouse, shop_url):
    with psycopg.connect(shop_url) as database:
        database.execute("create table many as select generate_series(1, 1234) as id")
        database.execute("analyze many")
    address = f"{warehouse}/tables?word=MAN"
    assert editor.get(address).json() == [{"schema": "public", "table": "many", "rows": 1234}]
    assert operator.get(address).status_code == 403


def test_columns_come_with_both_their_types(editor, warehouse):
    found = editor.get(f"{warehouse}/columns?table=orders").json()
    assert {"name": "amount", "type": "DECIMAL(10,2)", "native_type": "numeric(10,2)"}.items() <= {
        column["name"]: column for column in found
    }["amount"].items()
    assert editor.get(f"{warehouse}/columns").status_code == 400
    assert editor.get(f"{warehouse}/columns?table=nope").status_code == 502
