from __future__ import annotations

import pytest
from admin_posts import edge, node, rows_of, workflow_form
from django.contrib.messages import get_messages
from django.urls import reverse
from factories import DependencyFactory, NodeFactory, TeamFactory, WorkflowFactory

from workflows.models import Dependency, Node, Registration, RegistrationOutbox, Schedule, Workflow

pytestmark = pytest.mark.django_db

ADD = "/admin/workflows/workflow/add/"


@pytest.fixture
def workflow(team):
    return WorkflowFactory(team=team, name="Orders", slug="orders")


def change(workflow: Workflow) -> str:
    return reverse("admin:workflows_workflow_change", args=[workflow.pk])


def test_nodes_and_dependencies_are_added_in_one_save(editor, team):
    nodes = rows_of("nodes", node("read"), node("keep"))
    edges = rows_of("dependencies", edge("read", "keep"))
    editor.post(ADD, workflow_form(team=team.pk, **nodes, **edges))
    saved = Dependency.objects.get(workflow__name="Orders")
    assert (saved.source.key, saved.target.key) == ("read", "keep")


def test_a_save_writes_a_version_with_its_author(editor, team):
    editor.post(ADD, workflow_form(team=team.pk, **rows_of("nodes", node("read"))))
    version = Workflow.objects.get().versions.get()
    assert version.definition["nodes"][0]["key"] == "read"
    assert version.author.memberships.get().team == team


def test_a_save_says_what_happens_next(editor, team):
    answer = editor.post(ADD, workflow_form(team=team.pk))
    assert [str(m) for m in get_messages(answer.wsgi_request)] == [
        "Saved as version 1. Registering…"
    ]


def test_a_save_is_one_mark_whatever_the_number_of_rows(editor, workflow):
    before = RegistrationOutbox.objects.get(workflow_id=workflow.pk).generation
    nodes = rows_of("nodes", *(node(f"n{number}") for number in range(5)))
    editor.post(change(workflow), workflow_form(workflow, **nodes))
    after = RegistrationOutbox.objects.get(workflow_id=workflow.pk).generation
    assert (workflow.nodes.count(), after - before) == (5, 1)


def test_a_workflow_of_many_nodes_is_saved(editor, team):
    nodes = rows_of("nodes", *(node(f"n{number}") for number in range(200)))
    editor.post(ADD, workflow_form(team=team.pk, **nodes))
    assert Workflow.objects.get().nodes.count() == 200


def test_a_stale_form_does_not_touch_the_registration(editor, workflow):
    Registration.objects.filter(workflow=workflow).update(pool="etl-pool", fingerprint="f" * 64)
    editor.post(change(workflow), workflow_form(workflow, description="new"))
    registration = Registration.objects.get(workflow=workflow)
    assert (registration.pool, registration.fingerprint) == ("etl-pool", "f" * 64)


def test_a_config_its_kind_does_not_take_is_stored(editor, workflow):
    nodes = rows_of("nodes", node("keep", config='{"conditon": "amount > 5"}'))
    editor.post(change(workflow), workflow_form(workflow, **nodes))
    assert workflow.nodes.get().config == {"conditon": "amount > 5"}


@pytest.mark.parametrize(
    ("config", "finding"),
    [
        ('{"condition": }', "not JSON: Expecting value at line 1, column 15"),
        ("[1, 2]", "expected a JSON object in braces"),
    ],
)
def test_broken_json_is_refused_with_its_place(editor, workflow, config, finding):
    nodes = rows_of("nodes", node("keep", config=config))
    answer = editor.post(change(workflow), workflow_form(workflow, **nodes))
    assert finding in answer.content.decode()
    assert not workflow.nodes.exists()


def test_what_a_definition_cannot_hold_is_refused_at_its_field(editor, workflow):
    nodes = rows_of("nodes", node("keep", retries=21))
    answer = editor.post(change(workflow), workflow_form(workflow, **nodes))
    assert "less than or equal to 20" in answer.content.decode()


@pytest.mark.parametrize(
    ("edges", "finding"),
    [
        ([edge("red", "keep")], "unknown node &#x27;red&#x27;; did you mean &#x27;read&#x27;?"),
        ([edge("read", "read")], "cannot depend on itself"),
        ([edge("read", "keep"), edge("read", "keep")], "is there twice"),
    ],
)
def test_an_impossible_dependency_is_refused(editor, workflow, edges, finding):
    nodes = rows_of("nodes", node("read"), node("keep"))
    form = workflow_form(workflow, **nodes, **rows_of("dependencies", *edges))
    assert finding in editor.post(change(workflow), form).content.decode()
    assert not Dependency.objects.exists()


def test_a_node_is_renamed_under_its_dependencies(editor, workflow):
    source = NodeFactory(workflow=workflow, key="read")
    target = NodeFactory(workflow=workflow, key="keep")
    kept = DependencyFactory(source=source, target=target)
    nodes = rows_of("nodes", node("orders", id=source.pk), node("keep", id=target.pk))
    edges = rows_of("dependencies", edge("read", "keep", id=kept.pk))
    answer = editor.post(change(workflow), workflow_form(workflow, **nodes, **edges))
    assert answer.status_code == 302
    assert Dependency.objects.get().source.key == "orders"


def test_a_deleted_node_takes_its_dependencies_along(editor, workflow):
    source = NodeFactory(workflow=workflow, key="read")
    target = NodeFactory(workflow=workflow, key="keep")
    gone = DependencyFactory(source=source, target=target)
    nodes = rows_of("nodes", node("read", id=source.pk, DELETE="on"), node("keep", id=target.pk))
    edges = rows_of("dependencies", edge("read", "keep", id=gone.pk))
    editor.post(change(workflow), workflow_form(workflow, **nodes, **edges))
    assert [n.key for n in Node.objects.all()] == ["keep"]
    assert not Dependency.objects.exists()


def test_a_schedule_is_saved_with_its_zone(editor, workflow):
    row = {"slug": "nightly", "cron": "15 3 * * *", "timezone": "Europe/Paris", "is_active": "on"}
    editor.post(change(workflow), workflow_form(workflow, **rows_of("schedules", row)))
    assert str(Schedule.objects.get()) == "nightly: cron 15 3 * * * (Europe/Paris)"


def test_a_bad_cron_is_refused_at_its_field(editor, workflow):
    row = {"slug": "nightly", "cron": "61 3 * * *", "timezone": "UTC"}
    answer = editor.post(change(workflow), workflow_form(workflow, **rows_of("schedules", row)))
    assert "is not a cron expression" in answer.content.decode()


def test_an_unknown_kind_stays_what_it_is(editor, workflow):
    unknown = NodeFactory(workflow=workflow, key="odd", kind="quantum")
    nodes = rows_of("nodes", node("odd", id=unknown.pk, kind="quantum", name="Odd"))
    editor.post(change(workflow), workflow_form(workflow, **nodes))
    unknown.refresh_from_db()
    assert (unknown.kind, unknown.name) == ("quantum", "Odd")


def test_a_workflow_cannot_be_put_into_another_team(editor, workflow):
    other = TeamFactory()
    answer = editor.post(change(workflow), workflow_form(workflow, team=other.pk))
    assert "Select a valid choice" in answer.content.decode()


def test_deleting_a_workflow_takes_what_belongs_to_it_along(root, registered):
    delete = reverse("admin:workflows_workflow_delete", args=[registered.pk])
    root.post(delete, {"post": "yes"})
    assert not Workflow.objects.exists()


def test_labels_stand_in_a_column_beside_their_fields(editor):
    label = editor.get(ADD).content.decode().partition('for="id_slug"')[0].rpartition("<div")[2]
    assert "lg:w-56" in label
