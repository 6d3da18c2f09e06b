from __future__ import annotations

import threading
import time
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from factories import definition

from engine.errors import Interrupted
from workflows.models import Connection, Role, Workflow
from workflows.services import previewing
from workflows.services.previewing import Question


@pytest.fixture
def shop_orders(shop_url: str) -> str:
    with psycopg.connect(shop_url) as connection:
        connection.execute("insert into orders values (1, 4), (2, 6.50), (3, 7)")
    return shop_url


@pytest.fixture
def asking(make_client: Any, shop: Connection, shop_orders: str) -> Any:
    """A client with a role in the team of ``shop``."""
    return lambda role: make_client(role, shop.team)


@pytest.fixture
def saved(save: Any) -> Workflow:
    return save()


def path(workflow: Workflow) -> str:
    return f"workflows/{workflow.pk}/preview"


def test_an_operator_sees_rows_of_a_saved_workflow(asking, saved):
    answer = asking(Role.OPERATOR).post(path(saved), {"node": "keep0"})
    body = answer.json()
    assert answer.status_code == 200
    assert sorted(body["rows"]) == [["2", "6.50"], ["3", "7.00"]]
    assert body["columns"][1] == {"name": "amount", "type": "DECIMAL(10,2)"}
    assert (body["is_complete"], body["rows_by_node"]) == (True, {"read": 3, "keep0": 2})


def test_a_target_answers_with_a_plan_and_is_not_written(asking, saved, shop_orders):
    body = asking(Role.OPERATOR).post(path(saved), {"node": "write"}).json()
    assert (body["write"]["insert"], body["write"]["mode"]) == (2, "append")
    with psycopg.connect(shop_orders) as connection:
        assert connection.execute("select count(*) from archive").fetchone() == (0,)


def test_a_definition_that_is_not_saved_takes_an_editor(asking, saved):
    body = {"node": "keep0", "definition": definition().model_dump(mode="json")}
    body["definition"]["nodes"][1]["config"]["condition"] = "amount > 6.9"
    assert asking(Role.OPERATOR).post(path(saved), body).status_code == 403
    assert asking(Role.EDITOR).post(path(saved), body).json()["rows"] == [["3", "7.00"]]


def test_a_definition_without_a_workflow_can_be_tried(asking, shop):
    given = definition().model_dump(mode="json")
    answer = asking(Role.EDITOR).post("preview", {"node": "read", "definition": given})
    assert len(answer.json()["rows"]) == 3


def test_what_comes_after_the_node_may_be_wrong(asking, saved):
    given = definition().model_dump(mode="json")
    given["nodes"][2]["config"]["table"] = ""
    answer = asking(Role.EDITOR).post(path(saved), {"node": "keep0", "definition": given})
    assert answer.status_code == 200


def test_a_finding_names_node_and_field_and_nothing_is_read(asking, saved):
    given = definition().model_dump(mode="json")
    given["nodes"][1]["config"]["condition"] = "amout > 6"
    answer = asking(Role.EDITOR).post(path(saved), {"node": "keep0", "definition": given})
    (issue,) = answer.json()["issues"]
    assert (answer.status_code, answer.json()["code"]) == (400, "not_previewable")
    assert (issue["node"], issue["field"], issue["code"]) == (
        "keep0",
        "condition",
        "unknown_column",
    )


def test_a_failure_names_its_node(asking, saved):
    given = definition().model_dump(mode="json")
    given["nodes"][1]["config"]["condition"] = "cast(cast(amount as varchar) || 'x' as int) > 1"
    answer = asking(Role.EDITOR).post(path(saved), {"node": "keep0", "definition": given})
    body = answer.json()
    assert (answer.status_code, body["code"]) == (422, "E_VALUE")
    assert body["issues"][0]["node"] == "keep0"


@pytest.mark.parametrize("wrong", [{"node": "nobody"}, {"node": "read", "parameters": {"x": 1}}])
def test_what_is_not_there_is_refused(asking, saved, wrong):
    answer = asking(Role.OPERATOR).post(path(saved), wrong)
    assert (answer.status_code, answer.json()["code"]) == (400, "not_previewable")


def test_an_owner_can_cancel_and_nobody_else(saved, shop_orders):
    with psycopg.connect(shop_orders) as connection:
        connection.execute(
            "create function nap() returns int language sql as 'select 1 from pg_sleep(60)'"
        )
    given = definition().model_dump(mode="json")
    given["nodes"][0]["config"] = {"connection": "shop", "sql": "select nap() as amount"}
    asked = Question(
        definition=definition().model_validate(given), node="read", owner="user 1", id=uuid4()
    )
    asking_ends = threading.Thread(target=_cancel_soon, args=(asked,))
    asking_ends.start()
    with pytest.raises(Interrupted):
        previewing.preview(saved, asked)
    asking_ends.join()
    assert_soon_idle(shop_orders)


def _cancel_soon(asked: Question) -> None:
    deadline = time.monotonic() + 60
    while not previewing.cancel(asked.id, asked.owner) and time.monotonic() < deadline:
        assert not previewing.cancel(asked.id, "user 2")
        time.sleep(0.05)


def assert_soon_idle(url: str) -> None:
    """The query on the source ends as well."""
    busy = (
        "select 1 from pg_stat_activity where query like '%nap()%' and state = 'active' "
        "and pid <> pg_backend_pid()"
    )
    deadline = time.monotonic() + 20
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(busy).fetchall():
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_preview_that_is_not_there_cannot_be_canceled(asking):
    assert asking(Role.EDITOR).delete(f"previews/{uuid4()}").status_code == 404
