"""What SQL can reach in a run's DuckDB, and what ends with the run."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import duckdb
import pytest

from engine.errors import Interrupted
from engine.sandbox import Sandbox

ENDLESS = "select count(*) from range(1000000000) a, range(1000000000) b"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox(memory_limit_mb=64)
    yield sandbox
    sandbox.close()


@pytest.mark.parametrize(
    "statement",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('/etc/passwd')",
        "select * from read_blob('/proc/self/environ')",
        "select * from '/etc/passwd'",
        "select * from glob('/etc/*')",
        "select * from read_text('/dev/fd/../../etc/passwd')",
        "copy (select 1) to '/tmp/flowadmin-escape.csv'",
        "attach '/tmp/flowadmin-escape.db'",
        "attach 'host=127.0.0.1' as other (type postgres)",
        "install httpfs",
        "load httpfs",
        "select * from read_csv('http://127.0.0.1:1/a.csv')",
        "set enable_external_access = true",
        "set memory_limit = '100GB'",
        "set lock_configuration = false",
        "reset allowed_directories",
        "export database '/tmp/flowadmin-escape'",
        "create secret s (type http, bearer_token 'x')",
        "select * from statement",
    ],
)
def test_a_locked_sandbox_reaches_nothing(sandbox: Sandbox, statement: str) -> None:
    sandbox.lock()
    with sandbox.session() as session, pytest.raises(duckdb.Error):
        session.connection.execute(statement)


def test_a_locked_sandbox_trusts_no_unsigned_extension(sandbox: Sandbox) -> None:
    sandbox.lock()
    with sandbox.session() as session:
        shown = session.connection.execute("select current_setting('allow_unsigned_extensions')")
        assert shown.fetchone() == (False,)


def test_what_does_not_fit_into_memory_is_spilled_and_then_forgotten(sandbox: Sandbox) -> None:
    with sandbox.session() as session:
        session.connection.execute(
            "create table t as select range as i, md5(range::varchar) as h from range(2000000)"
        )
        counted = session.connection.execute("select count(h) from t").fetchone()
    assert counted == (2_000_000,)
    assert sum(file.stat().st_size for file in sandbox.folder.rglob("*") if file.is_file()) > 0
    sandbox.close()
    assert not sandbox.folder.exists()


def test_every_session_sees_what_one_has_kept(sandbox: Sandbox) -> None:
    with sandbox.session() as one, sandbox.session() as other:
        one.connection.execute("create table t as select 1 as i")
        assert other.connection.execute("select * from t").fetchall() == [(1,)]
    sandbox.drop("t")
    with sandbox.session() as session, pytest.raises(duckdb.CatalogException):
        session.connection.execute("select * from t")


def test_time_is_utc_whatever_the_machine_says(sandbox: Sandbox) -> None:
    with sandbox.session() as session:
        shown = session.connection.execute(
            "select (timestamptz '2024-01-01 12:00:00+02')::varchar, current_setting('TimeZone')"
        )
        assert shown.fetchone() == ("2024-01-01 10:00:00+00", "UTC")


def test_an_interrupt_ends_what_runs_and_forbids_the_rest(sandbox: Sandbox) -> None:
    with sandbox.session() as session:
        threading.Timer(0.2, sandbox.interrupt).start()
        with pytest.raises(duckdb.InterruptException):
            session.connection.execute(ENDLESS)
    with pytest.raises(Interrupted), sandbox.session():
        pass
