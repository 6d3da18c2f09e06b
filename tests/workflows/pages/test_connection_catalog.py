from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from django.test import Client
from factories import MembershipFactory, UserFactory

from workflows.models import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor(shop, settings):
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    return visitor(shop, Role.EDITOR)


def visitor(connection, role: Role) -> Client:
    client = Client()
    client.force_login(
        MembershipFactory(team=connection.team, role=role, user=UserFactory(is_staff=True)).user
    )
    return client


def tables(connection) -> str:
    return f"/ui/connections/{connection.pk}/tables/"


def test_tables_are_listed_under_their_schema(editor, shop):
    page = editor.get(tables(shop)).content.decode()
    assert "public" in page
    assert "archive" in page
    assert "orders" in page


def test_tables_are_shown_with_about_how_many_rows_they_have(editor, shop, shop_url):
    with psycopg.connect(shop_url) as connection:
        connection.execute("create table many as select generate_series(1, 1234) as id")
        connection.execute("analyze many")
    assert "about 1,234 rows" in editor.get(tables(shop)).content.decode()


def test_a_word_narrows_the_tables(editor, shop):
    page = editor.get(tables(shop), {"word": "ARCH"}).content.decode()
    assert "archive" in page
    assert "orders" not in page


def test_columns_are_told_with_the_types_of_the_database_and_the_engine(editor, shop):
    address = f"/ui/connections/{shop.pk}/columns/"
    page = editor.get(address, {"schema": "public", "table": "orders"}).content.decode()
    assert "numeric(10,2)" in page
    assert "DECIMAL(10,2)" in page


def test_a_new_table_is_there_after_a_refresh(editor, shop, shop_url):
    editor.get(tables(shop))
    with psycopg.connect(shop_url) as connection:
        connection.execute("create table invoices (id int)")
    assert "invoices" not in editor.get(tables(shop)).content.decode()
    assert "invoices" in editor.post(tables(shop)).content.decode()


def test_a_database_that_does_not_answer_is_said_so(editor, shop):
    shop.options = {**shop.options, "port": 1}
    shop.save()
    page = editor.get(tables(shop)).content.decode()
    assert 'role="alert"' in page
    assert shop.options["host"] in page


def test_looking_around_needs_what_testing_needs(editor, shop):
    assert visitor(shop, Role.OPERATOR).get(tables(shop)).status_code == 403
