"""The PostgreSQL connector against a real server: two databases, rows from one to the other."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import duckdb
import psycopg
import pytest
from postgresql_values import OWN_TYPES, VALUES
from pydantic import ValidationError

from engine.connectors.postgresql import CONNECTOR
from engine.connectors.postgresql.config import PostgresqlConfig
from engine.errors import AccessDenied, ConnectorError, LoadRefused, TableNotFound, Unreachable
from engine.sandbox import Sandbox
from engine.transfer import Extraction, Load, LoadResult, TableName

POSTGRESQL = CONNECTOR()


def config_of(url: str, **changes: object) -> PostgresqlConfig:
    parts = urlsplit(url)
    options = {
        "host": parts.hostname,
        "port": parts.port,
        "database": parts.path[1:],
        "user": parts.username,
        "password": parts.password or "",
    }
    return PostgresqlConfig.model_validate({**options, **changes})


@dataclass
class Pair:
    """A source and a target database, and a sandbox that reads the source."""

    source_url: str
    target_url: str
    sandbox: Sandbox

    def __post_init__(self) -> None:
        self.source = config_of(self.source_url)
        self.target = config_of(self.target_url)
        POSTGRESQL.attach(self.source, self.sandbox.database, "origin")
        self.sandbox.lock()

    def in_source(self, *statements: str) -> None:
        with psycopg.connect(self.source_url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def in_target(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.target_url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def move(
        self, extraction: Extraction, *, mode: str = "append", run: str = "", **columns: str
    ) -> LoadResult:
        """Load what is extracted into table ``t`` of the target; all columns by name."""
        schema = POSTGRESQL.describe(self.source, extraction)
        load = Load(
            TableName("", "t"), mode, columns or {n: n for n in schema.names}, run or new_run(), "n"
        )
        query = POSTGRESQL.relation(self.source, extraction, "origin")
        with self.sandbox.session() as session:
            return POSTGRESQL.load(
                self.target, load, session.connection, query, on_stop=self.stop_reading
            )

    def stop_reading(self) -> None:
        POSTGRESQL.cancel(self.source, "origin")


def new_run() -> str:
    return uuid.uuid4().hex


@pytest.fixture(scope="module")
def databases(postgres_server: str) -> Iterator[list[str]]:
    """Two databases for the whole module; ``pair`` empties them."""
    names = [f"test_{uuid.uuid4().hex[:12]}" for _ in range(2)]
    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as admin:
        for name in names:
            admin.execute(f"create database {name}")
        yield [f"{postgres_server}/{name}" for name in names]
        for name in names:
            admin.execute(f"drop database {name} with (force)")


@pytest.fixture
def pair(databases: list[str]) -> Iterator[Pair]:
    for url in databases:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("drop schema if exists public, flowadmin cascade")
            connection.execute("create schema public")
    sandbox = Sandbox(memory_limit_mb=256)
    try:
        yield Pair(*databases, sandbox)
    finally:
        sandbox.close()


def table(name: str, *columns: str, condition: str = "") -> Extraction:
    return Extraction(table=TableName("", name), columns=columns, filter=condition)


def sql(text: str) -> Extraction:
    return Extraction(sql=text)


def test_a_description_says_what_duckdb_will_see(pair: Pair) -> None:
    fields = ", ".join(f"v{i} {type_}" for i, type_ in enumerate(VALUES))
    pair.in_source(*OWN_TYPES, f"create table t ({fields})")
    described = POSTGRESQL.describe(pair.source, table("t"))
    query = POSTGRESQL.relation(pair.source, table("t"), "origin")
    with pair.sandbox.session() as session:
        seen = session.connection.execute(f"describe {query}").fetchall()
    assert [(c.name, c.type) for c in described] == [(row[0], row[1]) for row in seen]


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("numeric", "'NaN'"),
        ("numeric(10,2)", "'NaN'"),
        ("numeric", "0.12345678901"),
        ("numeric", "1e30"),
        ("numeric", "'Infinity'"),
    ],
)
def test_a_number_duckdb_cannot_hold_fails_instead_of_changing(
    pair: Pair, type_: str, value: str
) -> None:
    pair.in_source(f"create table t (price {type_})", f"insert into t values ({value})")
    query = POSTGRESQL.relation(pair.source, table("t"), "origin")
    with pair.sandbox.session() as session, pytest.raises(duckdb.Error, match=r"price|overflow"):
        session.connection.execute(query).fetchall()


def test_append_adds_and_replace_starts_anew(pair: Pair) -> None:
    pair.in_source("create table s (id int)", "insert into s values (1), (2)")
    pair.in_target("create table t (id int)")
    pair.move(table("s"))
    pair.move(table("s"))
    assert pair.in_target("select count(*) from t") == [(4,)]
    pair.move(table("s"), mode="replace")
    assert pair.in_target("select id from t order by id") == [(1,), (2,)]


def test_an_empty_source_empties_a_replaced_table(pair: Pair) -> None:
    pair.in_source("create table s (id int)")
    pair.in_target("create table t (id int)")
    pair.in_target("insert into t values (1)")
    assert pair.move(table("s"), mode="replace") == LoadResult(0)
    assert pair.in_target("select * from t") == []


def test_a_load_is_applied_once_per_run(pair: Pair) -> None:
    pair.in_source("create table s (id int)", "insert into s values (1), (2)")
    pair.in_target("create table t (id int)")
    assert pair.move(table("s"), run="one") == LoadResult(2)
    assert pair.move(table("s"), run="one") == LoadResult(2, was_applied_before=True)
    assert pair.in_target("select count(*) from t") == [(2,)]
    assert pair.in_target("select run_id, node, target, mode, rows from flowadmin.load_ledger") == [
        ("one", "n", "t", "append", 2)
    ]


@pytest.mark.parametrize("mode", ["append", "replace"])
def test_a_violation_in_the_last_row_leaves_the_table_as_it_was(pair: Pair, mode: str) -> None:
    pair.in_source(
        "create table s as select least(i, 49999) as id from generate_series(1, 50000) i"
    )
    pair.in_target("create table t (id int primary key)")
    pair.in_target("insert into t values (-1)")
    with pytest.raises(LoadRefused, match=r"table 't', constraint 't_pkey'.*\(id\)=\(49999\)") as e:
        pair.move(table("s"), mode=mode)
    assert "line 50000" in e.value.message
    assert pair.in_target("select id from t") == [(-1,)]
    assert pair.in_target("select * from flowadmin.load_ledger") == []


def test_a_null_in_a_required_column_names_the_column(pair: Pair) -> None:
    pair.in_source("create table s (id int)", "insert into s values (null)")
    pair.in_target("create table t (id int not null)")
    with pytest.raises(LoadRefused, match="column 'id'"):
        pair.move(table("s"))


def test_a_text_too_long_for_its_column_is_refused(pair: Pair) -> None:
    pair.in_source("create table s (name text)", "insert into s values ('longer')")
    pair.in_target("create table t (name varchar(3))")
    with pytest.raises(LoadRefused, match=r"too long for type character varying\(3\)"):
        pair.move(table("s"))


def test_a_query_that_fails_half_way_leaves_the_table_as_it_was(pair: Pair) -> None:
    pair.in_source("create table s as select i as id from generate_series(1, 300000) i")
    pair.in_target("create table t (id int)")
    pair.in_target("insert into t values (-1)")
    failing = sql("select 1 / (id - 299999) as id from s order by s.id")
    with pytest.raises(duckdb.Error, match="division by zero"):
        pair.move(failing, mode="replace")
    assert pair.in_target("select id from t") == [(-1,)]


def test_a_refused_row_ends_the_load_long_before_the_last_one(pair: Pair) -> None:
    """The source would yield for minutes; the first row is refused."""
    endless = sql("select generate_series(1, 2000000000) % 2 as id")
    pair.in_target("create table t (id int primary key)")
    with pytest.raises(LoadRefused, match="t_pkey"):
        pair.move(endless)


def test_a_trigger_that_drops_rows_is_noticed(pair: Pair) -> None:
    pair.in_source("create table s (id int)", "insert into s values (1), (2)")
    pair.in_target("create table t (id int)")
    pair.in_target(
        "create function drop_one() returns trigger language plpgsql as "
        "$$ begin return case when new.id = 1 then null else new end; end $$"
    )
    pair.in_target("create trigger d before insert on t for each row execute function drop_one()")
    with pytest.raises(LoadRefused, match="took 1 of 2 rows"):
        pair.move(table("s"))
    assert pair.in_target("select * from t") == []


def test_a_table_that_others_refer_to_can_be_replaced_while_nothing_breaks(pair: Pair) -> None:
    pair.in_source("create table s (id int)", "insert into s values (2)")
    pair.in_target("create table t (id int primary key)")
    pair.in_target("create table child (t int references t)")
    pair.in_target("insert into t values (1)")
    pair.move(table("s"), mode="replace")
    assert pair.in_target("select id from t") == [(2,)]


def test_a_replace_never_deletes_rows_of_other_tables(pair: Pair) -> None:
    pair.in_source("create table s (id int)", "insert into s values (1)")
    pair.in_target("create table t (id int primary key)")
    pair.in_target("create table child (t int references t on delete cascade)")
    pair.in_target("insert into t values (1)")
    pair.in_target("insert into child values (1)")
    with pytest.raises(LoadRefused, match="'child' refers to it"):
        pair.move(table("s"), mode="replace")
    assert pair.in_target("select count(*) from child") == [(1,)]


def test_a_table_can_be_replaced_by_what_is_read_from_itself(databases: list[str]) -> None:
    """The reader's lock forbids TRUNCATE, and waiting for it would last for ever."""
    sandbox = Sandbox(memory_limit_mb=256)
    pair = Pair(databases[0], databases[0], sandbox)
    pair.in_source("drop table if exists t", "create table t as select 1 as id")
    pair.move(sql("select id + 1 as id from t"), mode="replace")
    assert pair.in_target("select id from t") == [(2,)]
    sandbox.close()


def test_columns_that_nobody_feeds_get_their_defaults(pair: Pair) -> None:
    pair.in_source("create table s (word text)", "insert into s values ('a')")
    pair.in_target(
        "create table t (id int generated always as identity, word text, "
        "big text generated always as (upper(word)) stored, at int default 7)"
    )
    pair.move(table("s"))
    assert pair.in_target("select * from t") == [(1, "a", "A", 7)]


def test_target_columns_leave_out_what_the_database_writes_itself(pair: Pair) -> None:
    pair.in_target(
        "create table t (a int generated always as identity, b int generated by default as "
        "identity, c varchar(8) not null default 'x', d int generated always as (1) stored)"
    )
    columns = POSTGRESQL.target_columns(pair.target, TableName("", "t"))
    assert [(c.name, c.native_type, c.is_nullable, c.has_default) for c in columns] == [
        ("b", "integer", False, True),
        ("c", "character varying(8)", False, True),
    ]


def test_names_are_quoted_wherever_they_appear(pair: Pair) -> None:
    odd = 'odd "name"; drop table t; --'
    quoted = '"odd ""name""; drop table t; --"'
    pair.in_source(f"create table {quoted} ({quoted} numeric)", f"insert into {quoted} values (1)")
    pair.in_target(f"create table t ({quoted} int)")
    pair.move(table(odd))
    assert pair.in_target("select * from t") == [(1,)]


def test_a_filter_keeps_what_duckdb_says(pair: Pair) -> None:
    pair.in_source(
        "create table s (id int, name text, x int)",
        "insert into s values (1, 'a', null), (2, 'b', 1), (3, 'B', 1), (4, null, 1)",
    )
    pair.in_target("create table t (id int)")
    pair.move(table("s", "id", condition="id > 1 and name < 'b' and x is not null"))
    assert pair.in_target("select * from t") == [(3,)]


def test_safe_comparisons_are_done_by_the_source(pair: Pair) -> None:
    pair.in_source("create table s (id int, name text)")
    query = POSTGRESQL.relation(pair.source, table("s", condition="id >= 5 and name = 'a'"), "o")
    assert 'WHERE "id" >= 5' in query.partition("AS query")[0]
    assert "name\" = 'a'" not in query.partition("postgres_query")[2].partition("')")[0]


@pytest.mark.parametrize(
    "text",
    [
        "select 1 as a; drop table s",
        "delete from s returning id",
        "with gone as (delete from s returning id) select * from gone",
        "select id into copied from s",
        "select 1 as a) as query; drop table s; --",
    ],
)
def test_a_source_query_can_only_read(pair: Pair, text: str) -> None:
    pair.in_source("create table s (id int)", "insert into s values (1)")
    with pytest.raises(ConnectorError):
        POSTGRESQL.describe(pair.source, sql(text))


def test_reading_happens_in_read_only_transactions_with_a_time_limit(pair: Pair) -> None:
    query = POSTGRESQL.relation(
        pair.source,
        sql(
            "select current_setting('transaction_read_only') as a, "
            "current_setting('statement_timeout') as b"
        ),
        "origin",
    )
    with pair.sandbox.session() as session:
        assert session.connection.execute(query).fetchall() == [("on", "1h")]


def test_a_function_that_writes_is_stopped_by_the_transaction(pair: Pair) -> None:
    pair.in_source(
        "create table s (id int)",
        "create function sneak() returns int language sql "
        "as 'insert into s values (1) returning id'",
    )
    query = POSTGRESQL.relation(pair.source, sql("select sneak() as id"), "origin")
    with pair.sandbox.session() as session, pytest.raises(duckdb.Error, match="read-only"):
        session.connection.execute(query).fetchall()


def test_a_running_read_can_be_cancelled(pair: Pair) -> None:
    query = POSTGRESQL.relation(pair.source, sql("select pg_sleep(60)::text as s"), "origin")
    stop = threading.Timer(0.3, POSTGRESQL.cancel, [pair.source, "origin"])
    stop.start()
    with pair.sandbox.session() as session, pytest.raises(duckdb.Error, match="cancel"):
        session.connection.execute(query).fetchall()


def test_a_missing_table_names_the_nearest_one(pair: Pair) -> None:
    pair.in_source("create table customers (id int)")
    with pytest.raises(TableNotFound, match=r"no table 'custmers'.*mean 'public\.customers'"):
        POSTGRESQL.describe(pair.source, table("custmers"))
    with pytest.raises(TableNotFound, match=r"no table 'nowhere\.t'"):
        POSTGRESQL.target_columns(pair.source, TableName("nowhere", "t"))


def test_a_missing_column_names_the_nearest_one(pair: Pair) -> None:
    pair.in_source("create table s (amount int)")
    with pytest.raises(ConnectorError, match="unknown column 'amont'; did you mean 'amount'"):
        POSTGRESQL.describe(pair.source, table("s", "amont"))


def test_a_missing_table_at_load_time_is_named(pair: Pair) -> None:
    pair.in_source("create table s (id int)")
    with pytest.raises(TableNotFound, match="no table 't'"):
        pair.move(table("s"))


def test_two_columns_of_one_name_are_refused(pair: Pair) -> None:
    with pytest.raises(ConnectorError, match="2 columns called 'a'"):
        POSTGRESQL.describe(pair.source, sql('select 1 as a, 2 as "A"'))


def test_a_wrong_password_is_access_denied_and_stays_secret(pair: Pair) -> None:
    pair.in_source("drop role if exists guarded", "create role guarded login password 'right'")
    if not _asks_for_passwords(pair.source_url):
        pytest.skip("this server lets everybody in")
    config = config_of(pair.source_url, user="guarded", password="wr0ng-secret")
    with pytest.raises(AccessDenied, match="role 'guarded'") as refused:
        POSTGRESQL.test(config)
    assert "wr0ng-secret" not in repr(refused.value) + repr(config)


def test_a_password_of_odd_characters_opens_the_database(pair: Pair) -> None:
    password = r"""a'b"c\d e=f%;é"""
    with psycopg.connect(pair.source_url, autocommit=True) as admin:
        admin.execute("drop role if exists odd")
        literal = psycopg.sql.Literal(password)
        admin.execute(psycopg.sql.SQL("create role odd login password {}").format(literal))
    config = config_of(pair.source_url, user="odd", password=password)
    sandbox = Sandbox(memory_limit_mb=64)
    POSTGRESQL.attach(config, sandbox.database, "odd")
    shown = sandbox.database.execute("select * from duckdb_databases()").fetchall()
    shown += sandbox.database.execute("select * from duckdb_secrets()").fetchall()
    assert password not in str(shown)
    sandbox.close()


def test_a_role_that_may_not_read_is_told_so(pair: Pair) -> None:
    pair.in_source(
        "drop role if exists outsider",
        "create role outsider login password 'x'",
        "create table s (i int)",
    )
    config = config_of(pair.source_url, user="outsider", password="x")
    with pytest.raises(AccessDenied, match="permission denied"):
        POSTGRESQL.describe(config, Extraction(table=TableName("public", "s")))


def test_a_closed_port_is_unreachable(pair: Pair) -> None:
    with pytest.raises(Unreachable, match=r"nothing answers at 127\.0\.0\.1:1 "):
        POSTGRESQL.test(config_of(pair.source_url, host="127.0.0.1", port=1))


def test_an_unknown_host_is_unreachable(pair: Pair) -> None:
    with pytest.raises(Unreachable, match=r"nowhere\.invalid"):
        POSTGRESQL.test(config_of(pair.source_url, host="nowhere.invalid"))


def test_a_missing_database_is_named(pair: Pair) -> None:
    with pytest.raises(ConnectorError, match="no database 'nope'") as missing:
        POSTGRESQL.test(config_of(pair.source_url, database="nope"))
    assert missing.value.code == "E_DATABASE_NOT_FOUND"


def test_a_connection_says_what_answered(pair: Pair) -> None:
    said = POSTGRESQL.test(pair.source)
    assert said.startswith("PostgreSQL 1")
    assert said.endswith(f"database '{pair.source.database}'")


def test_tables_are_listed_with_their_schemas(pair: Pair) -> None:
    pair.in_source("create table a (i int)", "create view v as select 1 as i")
    assert POSTGRESQL.tables(pair.source) == [TableName("public", "a"), TableName("public", "v")]


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "/var/run/postgresql"},
        {"host": "a,b"},
        {"host": "@abstract"},
        {"host": "a b"},
        {"host": ""},
        {"service": "prod"},
        {"passfile": "/etc/passwd"},
        {"options": {"options": "-c log_statement=all"}},
        {"options": {"sslrootcert": "/etc/passwd"}},
        {"options": {"application_name": "x' options='-c a=b"}},
        {"sslmode": "no"},
        {"port": 0},
    ],
)
def test_what_could_reach_beyond_the_server_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        config_of("postgresql://u@h:1/d", **changes)


def _asks_for_passwords(url: str) -> bool:
    try:
        config_of(url, password="surely wrong").connect().close()
    except psycopg.OperationalError:
        return True
    return False
