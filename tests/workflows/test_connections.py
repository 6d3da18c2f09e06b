from __future__ import annotations

import pytest
from factories import ConnectionFactory, NodeFactory, WorkflowFactory

from engine.errors import ConfigError
from workflows.models import Connection
from workflows.services import connections

pytestmark = pytest.mark.django_db


def test_testing_says_what_answered(shop):
    assert connections.test(shop).startswith("PostgreSQL ")


def test_a_missing_option_is_named():
    with pytest.raises(ConfigError, match="'database'"):
        connections.config_of(ConnectionFactory(options={"host": "x"}))


def test_an_unknown_connector_suggests_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'postgresql'"):
        connections.config_of(ConnectionFactory(connector="postgresq"))


def test_a_secret_never_appears_in_a_message():
    row = ConnectionFactory(options={}, secrets={"password": ["hunter2"]})
    with pytest.raises(ConfigError) as caught:
        connections.config_of(row)
    assert "hunter2" not in str(caught.value)


def test_saving_one_secret_keeps_the_others_and_raises_the_revision(shop):
    before = Connection.objects.get(pk=shop.pk)
    connections.save_secrets(before, {"password": "new"})
    after = Connection.objects.get(pk=shop.pk)
    assert after.secrets == {**shop.secrets, "password": "new"}
    assert after.revision == before.revision + 1


def test_an_unknown_secret_is_refused(shop):
    with pytest.raises(ConfigError, match="did you mean 'password'"):
        connections.save_secrets(shop, {"pasword": "x"})


def test_secrets_are_encrypted_at_rest(shop, django_db_blocker):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select secrets from workflows_connection where id = %s", [shop.pk])
        assert shop.secrets["password"].encode() not in bytes(cursor.fetchone()[0])


def test_what_is_secret_leaves_the_options():
    row = ConnectionFactory(options={"host": "h", "password": "in the wrong place"})
    facts = connections.facts_of(row.team, used=[row.slug])[row.slug]
    assert facts.options == {"host": "h"}


def test_only_workflows_of_its_team_use_it(shop):
    ours, theirs = WorkflowFactory(team=shop.team), WorkflowFactory()
    for workflow in (ours, theirs):
        NodeFactory(workflow=workflow, config={"connection": "shop"})
    assert list(connections.used_by(shop)) == [ours]
