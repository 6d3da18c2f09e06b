from __future__ import annotations

from collections.abc import Callable

import pytest
from factories import definition

from workflows.definition import Definition
from workflows.models import TableUse, Workflow
from workflows.services.lineage import Answer, columns_of, follow
from workflows.services.tracing import trace


@pytest.fixture
def archiving(save: Callable[..., Workflow]) -> Workflow:
    """orders → archive, with a column computed on the way."""
    given = definition().model_dump(mode="json")
    columns = [{"name": "amount", "expression": "amount * id"}]
    given["nodes"][1] |= {"kind": "expression", "config": {"columns": columns}}
    workflow = save(Definition.model_validate(given))
    trace(workflow.pk)
    return workflow


@pytest.fixture
def reading(save: Callable[..., Workflow]) -> Workflow:
    """archive → orders."""
    given = definition(name="Read the archive").model_dump(mode="json")
    given["nodes"][0]["config"] |= {"table": "archive"}
    given["nodes"][2]["config"] |= {"table": "orders", "schema": ""}
    workflow = save(Definition.model_validate(given))
    trace(workflow.pk)
    return workflow


def places(answer: Answer) -> list[tuple[str, str, int]]:
    return [(one.place.node, one.place.column, one.distance) for one in answer.found]


def test_what_feeds_a_column_is_told_with_its_distance(archiving):
    assert places(follow(archiving, "write", "amount", "feeds_it")) == [
        ("keep0", "amount", 1),
        ("read", "amount", 2),
        ("read", "id", 2),
    ]


def test_what_a_column_feeds_is_told(archiving):
    assert places(follow(archiving, "read", "ID", "it_feeds")) == [
        ("keep0", "id", 1),
        ("keep0", "amount", 1),
        ("write", "id", 2),
        ("write", "amount", 2),
    ]


def test_the_way_goes_on_through_a_table_into_another_workflow(archiving, reading):
    found = follow(reading, "read", "amount", "feeds_it").found
    assert (found[0].workflow, found[0].place.node) == ("Archive orders", "write")
    assert found[0].table == "shop: public.archive"
    assert ("read", "id") in [(one.place.node, one.place.column) for one in found]


def test_a_circle_of_workflows_ends(archiving, reading):
    answer = follow(archiving, "read", "amount", "it_feeds")
    assert len(answer.found) == len({one.place for one in answer.found})


def test_workflows_of_another_team_are_not_followed(archiving, reading):
    TableUse.objects.filter(workflow=archiving).update(connection="other")
    nodes = [one.place.workflow for one in follow(reading, "read", "amount", "feeds_it").found]
    assert archiving.pk not in nodes


def test_a_new_version_is_looked_at_once_more(archiving, save):
    assert not trace(archiving.pk)
    save(definition(), archiving)
    assert not follow(archiving, "write", "amount", "feeds_it").is_traced
    assert trace(archiving.pk)
    assert columns_of(archiving)["keep0"] == ["id", "amount"]


def test_a_column_that_is_not_there_leads_nowhere(archiving):
    assert follow(archiving, "write", "nothing", "feeds_it") == Answer()


def test_a_workflow_that_does_not_compile_is_followed_as_far_as_it_does(save):
    given = definition().model_dump(mode="json")
    given["nodes"][2]["config"]["table"] = ""
    workflow = save(Definition.model_validate(given))
    trace(workflow.pk)
    assert places(follow(workflow, "keep0", "id", "feeds_it")) == [("read", "id", 1)]
