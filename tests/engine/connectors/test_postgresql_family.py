"""Databases that speak PostgreSQL's protocol: what they do otherwise, seen on PostgreSQL itself."""

from __future__ import annotations

import psycopg
import pytest
from pipelines import Databases, connection, join, plan, secrets, source, target

from engine import registry
from engine.connectors.postgresql.books import PostgresBooks
from engine.interpreter import run
from engine.outcome import RunOutcome
from engine.plan import PlanConnection
from engine.transfer import TableName

FAMILY = ["timescaledb", "supabase", "yugabytedb", "cockroachdb", "yellowbrick"]
WITHOUT_LOCKS = ["yugabytedb", "cockroachdb", "yellowbrick"]
AS_TEXT = ["cockroachdb", "yellowbrick"]


def moved(databases: Databases, connector: str, mode: str = "replace", **role: str) -> RunOutcome:
    """A run from ``s`` to ``t`` in which both databases are of that family."""

    def of(url: str) -> PlanConnection:
        return connection(url, **role).model_copy(update={"connector": connector})

    both = {"source": of(databases.source_url), "target": of(databases.target_url)}
    keys = {"config": {"keys": ["id"]}} if mode == "upsert" else {}
    steps = source("r", "s"), target("w", "t", "r", mode, **keys)
    return run(plan(steps, both), run_id="r", secrets=secrets)


@pytest.fixture
def tables(databases: Databases) -> Databases:
    databases.in_source("create table s as select generate_series(1, 3) as id, 'new' as v")
    databases.in_target("create table t (id int primary key, v text)", "insert into t values (3)")
    return databases


@pytest.mark.parametrize("connector", FAMILY)
def test_each_relative_reads_and_loads_once(tables: Databases, connector: str) -> None:
    for mode in ("upsert", "upsert"):
        moved(tables, connector, mode).raise_failure()
    assert tables.in_target("select count(*), count(v) from t") == [(3, 3)]
    ledger = "select rows from flowadmin.load_ledger where run_id <> ''"
    assert tables.in_target(ledger) == [(3,)]


@pytest.mark.parametrize("connector", ["postgresql", *FAMILY])
def test_a_database_without_advisory_locks_is_not_asked_for_one(
    tables: Databases, connector: str
) -> None:
    name = tables.target_url.rpartition("/")[2]
    tables.in_target(
        "do $$ begin create role plain login password 'p'; exception when others then null; end $$",
        "create schema flowadmin authorization plain",
        f"grant all on database {name} to plain",
        "grant usage on schema public to plain",
        "grant all on t to plain",
        "revoke execute on function pg_try_advisory_xact_lock(bigint) from public",
    )
    tables.in_source("grant usage on schema public to plain", "grant all on s to plain")
    outcome = moved(tables, connector, "upsert", user="plain", password="p")
    assert outcome.ok is (connector in WITHOUT_LOCKS)


def test_loads_of_a_table_wait_for_each_other_by_a_row(databases: Databases) -> None:
    name = TableName("", "t")
    with (
        psycopg.connect(databases.target_url) as first,
        psycopg.connect(databases.target_url) as second,
    ):
        books = [PostgresBooks(c, "flowadmin", has_locks=False) for c in (first, second)]
        books[0].prepare(watermarks=False)
        first.commit()
        assert books[0].hold(name)
        assert not books[1].hold(name)
        assert books[1].hold(TableName("", "other"))
        first.rollback()
        second.rollback()
        assert books[1].hold(name)


@pytest.mark.parametrize("connector", AS_TEXT)
def test_values_read_as_text_are_the_same(databases: Databases, connector: str) -> None:
    values = (
        "select 5e-324::float8 a, 'NaN'::real b, 1.50::numeric(38,10) c, '\\x00ff'::bytea d, "
        "date 'infinity' e, time '24:00' f, timestamptz '2024-02-29 12:34:56.789+05:30' g, "
        "interval '1 year 2 mons 3 days 04:05:06.789' h, e'a\\tb\\n\\\\' i, '{1,2}'::int[] j"
    )
    databases.in_source(f"create table s as {values}")
    databases.in_target(f"create table t as {values} limit 0", f"create table same as {values}")
    moved(databases, connector).raise_failure()
    same = "select count(*) from (select * from t intersect select * from same) as x"
    assert databases.in_target(same) == [(1,)]


@pytest.mark.parametrize("connector", AS_TEXT)
def test_a_year_bc_fails_where_text_would_lose_it(databases: Databases, connector: str) -> None:
    databases.in_source("create table s as select date '0044-03-15 BC' as d")
    databases.in_target("create table t (d date)")
    (failure,) = moved(databases, connector).failures
    assert 'year BC in column "d"' in failure.message


def test_text_and_binary_readers_share_a_run_and_a_join(tables: Databases) -> None:
    one = connection(tables.source_url)
    other = one.model_copy(update={"connector": "cockroachdb"})
    tables.in_source("create table old as select 1 as id, date '0044-03-15 BC' as day")
    tables.in_target("create table joined (id int, v text, day date)")
    steps = (source("a", "old"), source("b", "s", connection="other"), join("j", "a", "b"),
             target("w", "joined", "j"), target("x", "t", "b", "replace"))  # fmt: skip
    connections = {"source": one, "other": other, "target": connection(tables.target_url)}
    run(plan(steps, connections), run_id="r", secrets=secrets).raise_failure()
    assert tables.in_target("select id, v, day::text from joined") == [(1, "new", "0044-03-15 BC")]
    assert tables.in_target("select count(*) from t") == [(3,)]


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("timescale", "timescaledb"),
        ("cockroach_db_aws", "cockroachdb"),
        ("yugabyte", "yugabytedb"),
        ("mariadb", "mysql"),
        ("singlestore", "mysql"),
    ],
)
def test_imported_names_lead_to_a_connector(name: str, slug: str) -> None:
    assert name in registry.connectors()[slug].aliases
