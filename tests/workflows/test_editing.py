from __future__ import annotations

import pytest
from factories import PoolFactory, TeamFactory, WorkflowFactory, definition

from workflows.definition import Definition
from workflows.models import Node, RegistrationOutbox, Workflow
from workflows.services.editing import (
    DefinitionRejected,
    StaleVersion,
    definition_of,
    layout_of,
    save_definition,
)

pytestmark = pytest.mark.django_db


def save(given: Definition, workflow: Workflow | None = None, **more) -> Workflow:
    team = workflow.team if workflow else TeamFactory()
    return save_definition(team=team, definition=given, workflow=workflow, **more)


def reread(workflow: Workflow) -> Definition:
    return definition_of(Workflow.objects.get(pk=workflow.pk))


def problems(given: Definition) -> dict[str, str]:
    with pytest.raises(DefinitionRejected) as caught:
        save(given)
    assert not Workflow.objects.exists()
    return {issue.code: issue.message for issue in caught.value.problems}


def test_rows_give_back_the_definition_they_were_made_of():
    PoolFactory(name="big")
    given = definition(
        3,
        description="Nightly.",
        schedules=[
            {"slug": "a", "cron": "0 3 * * *", "timezone": "Europe/Paris"},
            {"slug": "b", "interval_seconds": 90, "is_active": False},
            {"slug": "c", "run_at": "2030-01-01T00:00:00Z"},
        ],
        parameters={"limit": 5},
        tags=["x"],
        preferred_pool="big",
        estimated_rows=10,
    )
    assert reread(save(given)) == given


def test_nodes_that_stay_keep_their_row_and_others_go():
    workflow = save(definition(2))
    before = dict(workflow.nodes.values_list("key", "pk"))
    save(definition(1), workflow)
    after = dict(workflow.nodes.values_list("key", "pk"))
    assert after == {key: before[key] for key in ("read", "keep0", "write")}
    assert reread(workflow) == definition(1)


def test_an_unchanged_save_makes_no_version():
    workflow = save(definition())
    save(definition(), workflow)
    assert workflow.versions.count() == 1


def test_a_change_makes_a_version_with_author_and_message(admin_user):
    workflow = save(definition())
    save(definition(2), workflow, author=admin_user, message="two filters")
    latest = workflow.versions.first()
    assert (latest.number, latest.author, latest.message) == (2, admin_user, "two filters")
    assert Definition.model_validate(latest.definition) == definition(2)


def test_moving_a_node_makes_no_version():
    workflow = save(definition(), layout={"read": {"x": 1, "y": 2}})
    save(definition(), workflow, layout={"read": {"x": 30, "y": 40}})
    assert layout_of(workflow)["read"] == {"x": 30.0, "y": 40.0}
    assert workflow.versions.count() == 1


def test_nodes_stay_where_they_stand_without_a_layout():
    workflow = save(definition(), layout={"keep0": {"x": 7, "y": 8}})
    save(definition(2, description="new"), workflow)
    assert layout_of(workflow)["keep0"] == {"x": 7.0, "y": 8.0}


def test_a_save_from_an_old_version_is_refused_with_the_current_one():
    workflow = save(definition())
    save(definition(2), workflow, expected_version=1)
    with pytest.raises(StaleVersion) as caught:
        save(definition(3), workflow, expected_version=1)
    assert caught.value.current.number == 2
    assert reread(workflow) == definition(2)


def test_names_may_repeat_and_slugs_do_not():
    team = TeamFactory()
    slugs = [save_definition(team=team, definition=definition()).slug for _ in range(3)]
    assert slugs == ["archive-orders", "archive-orders-2", "archive-orders-3"]


def test_saving_marks_the_workflow_once():
    workflow = save(definition(5))
    assert RegistrationOutbox.objects.get(pk=workflow.pk).generation == 1
    assert workflow.registration.state == "pending"


def test_a_thousand_nodes_take_few_statements(django_assert_max_num_queries):
    with django_assert_max_num_queries(40):
        workflow = save(definition(998))
    assert Node.objects.count() == 1000
    with django_assert_max_num_queries(40):
        save(definition(500), workflow)


def test_a_node_key_twice_is_refused():
    nodes = [{"key": "a", "kind": "filter"}, {"key": "a", "kind": "filter"}]
    assert "'a'" in problems(Definition(name="x", nodes=nodes))["duplicate_node"]


def test_a_dependency_on_an_unknown_node_suggests_the_nearest():
    given = definition(dependencies=[{"source": "reed", "target": "write"}])
    assert "did you mean 'read'?" in problems(given)["unknown_node"]


def test_a_node_that_depends_on_itself_is_refused():
    given = definition(dependencies=[{"source": "read", "target": "read"}])
    assert "'read' depends on itself" in problems(given)["cycle"]


def test_a_dependency_twice_is_refused():
    edge = {"source": "read", "target": "write"}
    assert "2 times" in problems(definition(dependencies=[edge, edge]))["duplicate_dependency"]


@pytest.mark.parametrize(
    ("schedule", "code"),
    [
        ({"cron": "61 * * * *"}, "bad_cron"),
        ({"cron": "* * *"}, "bad_cron"),
        ({"cron": "0 3 * * *", "timezone": "Europe/Pariss"}, "bad_timezone"),
        ({"cron": "0 3 * * *", "interval_seconds": 5}, "schedule_ambiguous"),
        ({}, "schedule_ambiguous"),
    ],
)
def test_a_schedule_that_cannot_fire_is_refused(schedule, code):
    assert code in problems(definition(schedules=[schedule]))


def test_two_schedules_of_one_name_are_refused():
    rows = [{"cron": "0 3 * * *"}, {"cron": "0 4 * * *"}]
    assert "'default'" in problems(definition(schedules=rows))["duplicate_schedule"]


def test_an_unknown_pool_is_refused_with_the_known_ones():
    message = problems(definition(preferred_pool="etl-pol"))["unknown_pool"]
    assert "did you mean 'etl-pool'?" in message


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_text_that_no_database_stores_is_refused(text):
    nodes = [{"key": "a", "kind": "filter", "config": {"condition": text}}]
    assert "not_storable" in problems(Definition(name="x", nodes=nodes))


def test_a_backslash_before_a_zero_is_plain_text():
    nodes = [{"key": "a", "kind": "filter", "config": {"condition": r"x = '\u0000'"}}]
    assert save(Definition(name="x", nodes=nodes)).nodes.get().config["condition"].endswith("0000'")


def test_a_number_that_is_not_finite_is_refused():
    nodes = [{"key": "a", "kind": "filter", "config": {"n": float("nan")}}]
    assert "not_storable" in problems(Definition(name="x", nodes=nodes))


def test_all_problems_are_reported_together():
    given = definition(
        dependencies=[{"source": "nope", "target": "write"}],
        schedules=[{"cron": "bad"}],
        preferred_pool="nope",
    )
    assert problems(given).keys() >= {"unknown_node", "bad_cron", "unknown_pool"}


def test_a_workflow_keeps_the_id_it_is_given():
    wanted = WorkflowFactory.build().pk
    assert save(definition(), workflow_id=wanted).pk == wanted
