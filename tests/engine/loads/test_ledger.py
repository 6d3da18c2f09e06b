"""The ledger: made once, one row per load, and no row without its rows."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from pipelines import Databases

from engine.connectors.postgresql.books import PostgresBooks
from engine.errors import AccessDenied
from engine.loads import ledger
from engine.transfer import Load, TableName

LOAD = Load(TableName("public", "t"), "append", {"id": "id"}, run_id="r", node="n")

Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def connection(databases: Databases) -> Iterator[Connection]:
    with psycopg.connect(databases.target_url, autocommit=True) as connection:
        yield connection


def test_a_load_is_entered_once(connection: Connection) -> None:
    PostgresBooks(connection, "flowadmin").prepare(watermarks=False)
    assert ledger.claim(PostgresBooks(connection, "flowadmin"), LOAD) is None
    ledger.record(PostgresBooks(connection, "flowadmin"), LOAD, 5)
    assert ledger.claim(PostgresBooks(connection, "flowadmin"), LOAD) == 5


def test_another_node_of_the_run_is_another_load(connection: Connection) -> None:
    PostgresBooks(connection, "flowadmin").prepare(watermarks=False)
    other = Load(LOAD.table, "append", {}, run_id="r", node="other")
    assert ledger.claim(PostgresBooks(connection, "flowadmin"), LOAD) is None
    assert ledger.claim(PostgresBooks(connection, "flowadmin"), other) is None


def test_a_load_that_was_rolled_back_was_never_entered(connection: Connection) -> None:
    PostgresBooks(connection, "flowadmin").prepare(watermarks=False)
    with connection.transaction(force_rollback=True):
        assert ledger.claim(PostgresBooks(connection, "flowadmin"), LOAD) is None
    assert ledger.claim(PostgresBooks(connection, "flowadmin"), LOAD) is None


def test_many_can_make_the_ledger_at_once(databases: Databases) -> None:
    def make(_: int) -> None:
        with psycopg.connect(databases.target_url, autocommit=True) as connection:
            PostgresBooks(connection, 'odd "schema"').prepare(watermarks=False)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(make, range(16)))
    assert databases.in_target('select count(*) from "odd ""schema""".load_ledger') == [(0,)]
    databases.in_target('drop schema "odd ""schema""" cascade')


def test_a_role_that_may_only_write_needs_no_right_to_create(
    connection: Connection, databases: Databases
) -> None:
    connection.execute("drop role if exists clerk")
    connection.execute("create role clerk")
    PostgresBooks(connection, "flowadmin").prepare(watermarks=False)
    connection.execute("grant usage on schema flowadmin to clerk")
    connection.execute("grant select, insert, update on flowadmin.load_ledger to clerk")
    connection.execute("set role clerk")
    PostgresBooks(connection, "flowadmin").prepare(watermarks=False)
    assert ledger.claim(PostgresBooks(connection, "flowadmin"), LOAD) is None


def test_a_role_that_cannot_make_the_ledger_is_told_what_to_ask_for(
    databases: Databases, connection: Connection
) -> None:
    connection.execute("drop role if exists guest")
    connection.execute("create role guest login password 'x'")
    guest = databases.target_url.partition("@")[2]
    with (
        psycopg.connect(f"postgresql://guest:x@{guest}", autocommit=True) as session,
        pytest.raises(AccessDenied, match='CREATE SCHEMA "books" AUTHORIZATION "guest"'),
    ):
        PostgresBooks(session, "books").prepare(watermarks=False)


def test_an_empty_schema_made_for_a_role_is_enough(connection: Connection) -> None:
    connection.execute("drop role if exists owner_of_ledger")
    connection.execute("create role owner_of_ledger")
    connection.execute("create schema flowadmin authorization owner_of_ledger")
    connection.execute("set role owner_of_ledger")
    PostgresBooks(connection, "flowadmin").prepare(watermarks=False)
    assert ledger.claim(PostgresBooks(connection, "flowadmin"), LOAD) is None
