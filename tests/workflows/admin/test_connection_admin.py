from __future__ import annotations

import pytest
from django.urls import reverse
from factories import ConnectionFactory, NodeFactory, WorkflowFactory

from workflows.models import Connection, Role

pytestmark = pytest.mark.django_db

ADD = "/admin/workflows/connection/add/"
SUBMIT = {"_form_submitted": "on"}


@pytest.fixture
def keeper(as_role):
    return as_role(Role.EDITOR)


def form(**changes):
    return {
        "name": "Shop",
        "slug": "shop",
        "external_id": "",
        "config_host": "db.example",
        "config_port": "5432",
        "config_database": "shop",
        "config_user": "reader",
        "config_password": "s3cret",
        "config_sslmode": "prefer",
        "config_options": "{}",
        "config_ledger_schema": "flowadmin",
        **changes,
    }


@pytest.fixture
def connection(team):
    options = {"host": "db.example", "port": 5432, "database": "shop", "user": "reader"}
    return ConnectionFactory(
        team=team, name="Shop", slug="shop", options=options, secrets={"password": "s3cret"}
    )


def change(connection: Connection) -> str:
    return reverse("admin:workflows_connection_change", args=[connection.pk])


def test_the_connector_is_chosen_first(keeper):
    page = keeper.get(ADD).content.decode()
    assert 'href="?connector=postgresql"' in page
    assert "config_host" not in page


def test_a_connection_is_made_of_options_and_encrypted_secrets(keeper, team):
    keeper.post(f"{ADD}?connector=postgresql", form(team=team.pk))
    made = Connection.objects.get(slug="shop")
    assert (made.options["host"], made.options["port"]) == ("db.example", 5432)
    assert "password" not in made.options
    assert made.secrets == {"password": "s3cret"}


def test_a_secret_is_never_shown(keeper, connection):
    page = keeper.get(change(connection)).content.decode()
    assert "Leave blank to keep the stored one" in page
    assert "s3cret" not in page


def test_a_refused_form_does_not_echo_the_secret(keeper, team):
    answer = keeper.post(f"{ADD}?connector=postgresql", form(team=team.pk, config_port="none"))
    assert answer.status_code == 200
    assert "s3cret" not in answer.content.decode()


def test_a_blank_secret_keeps_the_stored_one(keeper, connection):
    keeper.post(change(connection), form(name="Other", config_password=""))
    connection.refresh_from_db()
    assert connection.name == "Other"
    assert connection.secrets == {"password": "s3cret"}


def test_a_stored_secret_never_follows_to_another_host(keeper, connection):
    answer = keeper.post(change(connection), form(config_host="evil.example", config_password=""))
    assert "Other settings changed: enter it again." in answer.content.decode()
    connection.refresh_from_db()
    assert connection.options["host"] == "db.example"


def test_a_new_secret_replaces_the_stored_one(keeper, connection):
    keeper.post(change(connection), form(config_password="other"))
    connection.refresh_from_db()
    assert connection.secrets == {"password": "other"}


def test_a_missing_option_is_named_at_its_field(keeper, team):
    answer = keeper.post(f"{ADD}?connector=postgresql", form(team=team.pk, config_host=""))
    assert "This field is required" in answer.content.decode()
    assert not Connection.objects.exists()


def test_the_slug_never_changes(keeper, connection):
    keeper.post(change(connection), form(slug="other"))
    connection.refresh_from_db()
    assert connection.slug == "shop"


def test_the_page_lists_the_workflows_that_use_it(keeper, connection, team):
    workflow = WorkflowFactory(team=team, name="Archive orders")
    NodeFactory(workflow=workflow, kind="database_source", config={"connection": "shop"})
    assert "Archive orders" in keeper.get(change(connection)).content.decode()


def test_a_test_says_what_answered(root, shop):
    test = reverse("admin:workflows_connection_test_connection", args=[shop.pk])
    page = root.post(test, SUBMIT, follow=True).content.decode()
    assert f"{shop} works: PostgreSQL" in page


def test_a_test_says_what_is_wrong(root, shop):
    Connection.objects.update(options={**shop.options, "database": "nowhere"})
    test = reverse("admin:workflows_connection_test_connection", args=[shop.pk])
    page = root.post(test, SUBMIT, follow=True).content.decode()
    assert "does not work" in page
    assert "nowhere" in page


def test_asking_to_test_does_not_connect(root, connection):
    test = reverse("admin:workflows_connection_test_connection", args=[connection.pk])
    assert b"says what answered" in root.get(test).content


def test_an_operator_neither_tests_nor_changes_nor_adds(as_role, connection):
    operator = as_role(Role.OPERATOR)
    test = reverse("admin:workflows_connection_test_connection", args=[connection.pk])
    refused = [operator.post(address).status_code for address in (test, change(connection), ADD)]
    assert refused == [403, 403, 403]


def test_an_editor_does_not_delete(editor, connection):
    delete = reverse("admin:workflows_connection_delete", args=[connection.pk])
    assert editor.post(delete, {"post": "yes"}).status_code == 403


def test_a_connection_of_another_team_does_not_exist(stranger, connection):
    test = reverse("admin:workflows_connection_test_connection", args=[connection.pk])
    assert stranger.post(test, SUBMIT).status_code == 404
    assert stranger.get(change(connection)).status_code == 404


def test_an_unknown_connector_answers_404(root, team):
    odd = ConnectionFactory(team=team, connector="tape")
    assert root.get(change(odd)).status_code == 404
