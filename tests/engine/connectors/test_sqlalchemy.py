"""The connector of SQLAlchemy on SQLite, PostgreSQL and MariaDB."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from mariadb import Shop
from pipelines import Databases, Rows, plan, secrets, source, target
from pydantic import ValidationError

from engine.connectors.sqlalchemy import CONNECTOR
from engine.connectors.sqlalchemy.config import SqlalchemyConfig
from engine.connectors.sqlalchemy.reading import reading
from engine.errors import AccessDenied, ConnectorError, TableNotFound, Unreachable
from engine.interpreter import run
from engine.outcome import RunOutcome
from engine.plan import PlanConnection
from engine.transfer import Extraction, TableName

SQLALCHEMY = CONNECTOR()


class Place:
    """A database that is source and target, reached through SQLAlchemy."""

    def __init__(self, dialect: str, url: str) -> None:
        parts = urlsplit(url)
        self.options: dict[str, Any] = {"dialect": dialect, "database": parts.path}
        self.password = parts.password or ""
        if parts.hostname:
            self.options |= {
                "host": parts.hostname,
                "port": parts.port,
                "user": parts.username,
                "database": parts.path[1:],
            }

    @property
    def config(self) -> SqlalchemyConfig:
        return SqlalchemyConfig.model_validate({**self.options, "password": self.password})

    def sql(self, *statements: str) -> Rows:
        with self.config.engine().begin() as connection:
            for statement in statements:
                result = connection.exec_driver_sql(statement)
            return [tuple(row) for row in result] if result.returns_rows else []

    def run(self, mode: str = "append", run_id: str = "r", **read: Any) -> RunOutcome:
        own = PlanConnection(connector="sqlalchemy", options=self.options, sealed=self.password)
        keys = {"config": {"keys": ["id"]}} if mode in ("upsert", "delete_insert") else {}
        steps = source("r", **(read or {"table": "s"})), target("w", "t", "r", mode, **keys)
        made = plan(steps, {"source": own, "target": own})
        return run(made, run_id=run_id, secrets=secrets)


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("FLOWADMIN_FILE_ROOTS", str(tmp_path))
    sqlite3.connect(tmp_path / "a.db").close()
    return Place("sqlite", f"sqlite://{tmp_path / 'a.db'}")


@pytest.fixture
def postgresql(databases: Databases) -> Place:
    return Place("postgresql+psycopg", databases.source_url)


@pytest.fixture
def mariadb(shop: Shop) -> Place:
    return Place("mysql+pymysql", shop.url)


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def place(request: pytest.FixtureRequest) -> Place:
    made: Place = request.getfixturevalue(request.param)
    make = "create table {} (id integer not null, v varchar(20), d date, f double precision)"
    made.sql(make.format("s"), make.format("t"))
    made.sql("insert into s values (1, 'it''s 🐎', '2020-02-29', 0.1), (2, null, null, null)")
    return made


def test_rows_go_through_once_per_run(place: Place) -> None:
    for run_id in ("one", "one", "two"):
        place.run("append", run_id).raise_failure()
    assert place.sql("select count(*), count(v) from t") == [(4, 2)]
    same = (
        "select s.v = t.v and s.d = t.d and s.f = t.f from s join t on s.id = t.id where s.id = 1"
    )
    assert [bool(row[0]) for row in place.sql(same)] == [True, True]


def test_replace_starts_anew_and_a_query_can_be_read(place: Place) -> None:
    place.sql("insert into t values (9, 'old', null, null)")
    place.run("replace", sql="select id, v from s where id > 1").raise_failure()
    assert place.sql("select id, v from t") == [(2, None)]


def test_a_row_that_is_refused_undoes_the_load(place: Place) -> None:
    place.sql("insert into t values (1, 'old', null, null)", "create unique index one on t (id)")
    (failure,) = place.run("append").failures
    assert failure.code == "E_LOAD_CONSTRAINT"
    assert place.sql("select v from t") == [("old",)]
    assert place.sql("select count(*) from flowadmin_load_ledger") == [(0,)]


def test_a_filter_is_decided_alike(place: Place) -> None:
    place.run("append", table="s", filter="v = 'it''s 🐎'", columns=["id"]).raise_failure()
    assert place.sql("select id from t") == [(1,)]


def test_what_is_there_is_listed_and_what_is_not_is_named(place: Place) -> None:
    assert {"s", "t"} <= {table.table for table in SQLALCHEMY.tables(place.config)}
    with pytest.raises(TableNotFound, match="did you mean"):
        SQLALCHEMY.describe(place.config, Extraction(TableName("", "ss")))
    assert place.config.database in SQLALCHEMY.test(place.config)


def test_a_source_cannot_write(sqlite: Place) -> None:
    with pytest.raises(sa.exc.OperationalError), reading(sqlite.config) as connection:
        connection.exec_driver_sql("create table x (id integer)")


def test_an_upsert_updates_what_is_there_and_leaves_other_columns(place: Place) -> None:
    place.sql("create unique index one on t (id)", "insert into t values (1, 'old', null, 9)")
    for run_id in ("one", "one", "two"):
        place.run("upsert", run_id, table="s", columns=["id", "v"]).raise_failure()
    assert place.sql("select id, v, f from t order by id") == [(1, "it's 🐎", 9), (2, None, None)]
    assert place.sql("select count(*) from flowadmin_load_ledger") == [(2,)]


def test_keys_that_arrive_are_deleted_and_all_that_arrived_is_there(place: Place) -> None:
    place.sql("insert into t (id, v) values (1, 'old'), (1, 'older'), (7, 'kept')")
    place.sql("insert into s (id, v) values (1, 'again')")
    for _ in range(2):
        place.run("delete_insert").raise_failure()
    found = place.sql("select id, v from t order by id, v")
    assert found == [(1, "again"), (1, "it's 🐎"), (2, None), (7, "kept")]


def test_a_row_that_an_upsert_cannot_place_undoes_it(place: Place) -> None:
    place.sql("create unique index one on t (id)", "create unique index two on t (v)")
    place.sql("insert into t values (9, 'it''s 🐎', null, null), (2, 'old', null, null)")
    (failure,) = place.run("upsert").failures
    assert failure.code == "E_LOAD_CONSTRAINT"
    assert place.sql("select v from t where id = 2") == [("old",)]


@pytest.mark.parametrize(
    ("row", "said"),
    [("(1, 'b', null, null)", "2 rows have the key id = '1'")],
)
def test_a_key_that_arrives_twice_is_named(place: Place, row: str, said: str) -> None:
    place.sql("create unique index one on t (id)", f"insert into s values {row}")
    (failure,) = place.run("upsert").failures
    assert (failure.code, said in failure.message) == ("E_LOAD_KEY_REPEATED", True)


def test_an_upsert_without_a_unique_index_is_refused(sqlite: Place) -> None:
    sqlite.sql("create table s (id integer)", "create table t (id integer)")
    (failure,) = sqlite.run("upsert").failures
    assert (failure.code, failure.permanent) == ("key_not_unique", True)


@pytest.mark.parametrize(
    ("column", "news", "overlap"),
    [("id", "3, 'c', '2020-01-01', 0", 0), ("d", "3, 'c', '2021-01-01', 0", 0),
     ("f", "3, 'c', null, 0.5", 0), ("v", "3, 'zz', null, 0", 0), ("id", "3, 'c', null, 0", 1)],
)  # fmt: skip
def test_only_new_rows_are_read(place: Place, column: str, news: str, overlap: float) -> None:
    place.sql("update s set v = 'b', d = '2020-03-01', f = 0.2 where id = 2")
    reads: dict[str, Any] = {"table": "s", "incremental": {"column": column, "overlap": overlap}}
    assert place.run(run_id="one", **reads).nodes["r"].rows_out == 2
    place.sql(f"insert into s values ({news})")
    assert place.run(run_id="two", **reads).nodes["r"].rows_out == 1 + overlap
    assert place.run(run_id="three", **reads).nodes["r"].rows_out == overlap


def test_a_query_is_not_read_incrementally(sqlite: Place) -> None:
    sqlite.sql("create table s (id integer)", "create table t (id integer)")
    (failure,) = sqlite.run(sql="select * from s", incremental={"column": "id"}).failures
    assert "name a table" in failure.message


def test_decimals_of_a_database_that_has_them_are_exact(postgresql: Place) -> None:
    postgresql.sql("create table s (n numeric(38,10), u uuid, at timestamptz, x numeric)")
    postgresql.sql("create table t (n numeric(38,10), u uuid, at timestamptz, x text)")
    postgresql.sql(
        "insert into s values (1234567890123456789012345678.0123456789, gen_random_uuid(), now(), "
        "0.1234567890123456789)"
    )
    postgresql.run().raise_failure()
    same = "select s.n = t.n and s.u = t.u and s.at = t.at and s.x::text = t.x from s, t"
    assert postgresql.sql(same) == [(True,)]


def test_a_file_outside_the_allowed_folders_is_refused(sqlite: Place, tmp_path: Path) -> None:
    for path in ("/etc/passwd", "a.db", f"{tmp_path}/../a.db", f"file:{tmp_path}/a.db?mode=rwc"):
        config = SqlalchemyConfig(dialect="sqlite", database=path)
        with pytest.raises(AccessDenied, match="FLOWADMIN_FILE_ROOTS"):
            SQLALCHEMY.test(config)


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"port": 1}, Unreachable, "nothing answers"),
        ({"password": "wrong secret"}, AccessDenied, "does not let user"),
        ({"dialect": "clickhousedb"}, ConnectorError, "pip install clickhouse-connect"),
        ({"dialect": "nosuch"}, ConnectorError, "dialect 'nosuch' is not installed"),
        ({"dialect": "postgresql+asyncpg"}, ConnectorError, "asynchronous"),
    ],
)
def test_a_wrong_setting_of_it_is_named(
    mariadb: Place, changes: dict[str, Any], error: type[ConnectorError], said: str
) -> None:
    given = {**mariadb.options, "password": mariadb.password, **changes}
    with pytest.raises(error, match=said) as raised:
        SQLALCHEMY.test(SqlalchemyConfig.model_validate(given))
    assert given["password"] not in str(raised.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"options": {"read_default_file": "/root/.my.cnf"}},
        {"options": {"init_command": "drop table t"}},
        {"options": {"service": "x"}},
        {"host": "/run/socket"},
        {"dialect": "sqlite:///x"},
    ],
)
def test_what_reaches_beyond_the_database_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SqlalchemyConfig.model_validate({"dialect": "mysql+pymysql", "host": "h", **changes})
