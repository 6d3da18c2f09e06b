"""Tables that several sessions read side by side: every row once, at one moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager

import psycopg
import pyarrow
import pytest
from pipelines import Databases, Rows, address, plan, secrets, source, target, transform
from pydantic import ValidationError
from test_confining import in_a_child
from test_moments import moving, of_family
from waiting import wait_for

from engine.connectors.postgresql import CONNECTOR
from engine.interpreter import RunSession, run
from engine.kinds.database_source import DatabaseSourceConfig
from engine.outcome import RunOutcome
from engine.plan import Plan
from engine.transfer import Extraction, TableName

POSTGRESQL = CONNECTOR()
#: Many pages, of which some have no rows any more.
MANY = (
    "create table s as select i as id, repeat('x', 300) as v from generate_series(1, 20000) i",
    "delete from s where id between 5000 and 9000",
    "vacuum s",
)
LEFT = 15_999
#: More than fits into what lies between reader and writer.
LONG = "create table s as select i as id, repeat('x', 900) as v from generate_series(1, 60000) i"
COUNTED = "select count(*), count(distinct id), sum(id) from "
READING = (
    "from pg_stat_activity where datname = current_database() and state = 'active' "
    "and query like 'COPY%'"
)


def pipeline(databases: Databases, table: str = "s", **config: object) -> Plan:
    databases.in_target("create table t (id int, v text)")
    steps = [
        source("read", table, **{"sessions": 4, **config}),
        transform("keep", "filter", "read", condition="id % 2 = 0"),
        target("write", "t", "keep", retries=1, retry_delay_seconds=0),
    ]
    return plan(steps, databases.connections())


def loaded(databases: Databases, table: str = "s", **config: object) -> RunOutcome:
    return run(pipeline(databases, table, **config), run_id="r", secrets=secrets)


@contextmanager
def held_up(
    databases: Databases, made: Plan, session: RunSession | None = None
) -> Iterator[Future[RunOutcome]]:
    """A run of which several sessions read, and whose target takes no row before the end."""
    session = session or RunSession(made, run_id="r", secrets=secrets)
    with ThreadPoolExecutor(1) as threads, psycopg.connect(databases.target_url) as other:
        other.execute("lock table t in access exclusive mode")
        running = threads.submit(session.run)
        wait_for("sessions read", lambda: sessions(databases) > 1)
        yield running


@contextmanager
def cut(databases: Databases) -> Iterator[Sequence[Extraction]]:
    """Table ``s`` in four parts, as long as their moment lasts."""
    config = POSTGRESQL.Config.model_validate(address(databases.source_url))
    snapshot = POSTGRESQL.snapshot(config)
    assert snapshot
    with closing(snapshot):
        yield snapshot.parts(Extraction(TableName("", "s")), 4)


def rows_of_parts(databases: Databases) -> list[int]:
    counts = "select count(*) from s where "
    with cut(databases) as parts:
        return [databases.in_source(counts + (part.part or "true"))[0][0] for part in parts]


def sessions(databases: Databases) -> int:
    """How many read at the source."""
    found: int = databases.in_source(f"select count(*) {READING}")[0][0]
    return found


def odd(databases: Databases) -> Rows:
    return databases.in_source(f"{COUNTED} s where id % 2 = 0")


def test_every_row_is_read_once_and_counted(databases: Databases) -> None:
    databases.in_source(*MANY)
    outcome = loaded(databases)
    outcome.raise_failure()
    assert databases.in_target(f"{COUNTED} t") == odd(databases)
    assert [outcome.nodes[key].rows_out for key in ("read", "keep")] == [LEFT, LEFT // 2]


def test_a_source_whose_rows_are_kept_is_read_in_parts_too(databases: Databases) -> None:
    databases.in_source(*MANY)
    made = pipeline(databases)
    steps = (made.steps[0].model_copy(update={"checkpoint": True}), *made.steps[1:])
    run(made.model_copy(update={"steps": steps}), run_id="r", secrets=secrets).raise_failure()
    assert databases.in_target(f"{COUNTED} t") == odd(databases)


def test_the_sessions_read_at_the_same_time(databases: Databases) -> None:
    databases.in_source(LONG)
    with held_up(databases, pipeline(databases)) as running:
        pass
    assert running.result().nodes["read"].rows_out == 60_000


def test_a_confined_run_has_memory_for_its_sessions(databases: Databases) -> None:
    """Arrow's own allocator would take most of what the process may have, and then wait."""
    databases.in_source(*MANY)
    made = pipeline(databases)

    def rows() -> str:
        outcome = run(made, run_id="r", secrets=secrets)
        return f"{outcome.nodes['read'].rows_out}, {pyarrow.default_memory_pool().backend_name}"

    assert in_a_child(rows, made)[0] == f"{LEFT}, system"


def test_a_session_that_is_cut_fails_the_attempt_and_all_is_read_again(
    databases: Databases,
) -> None:
    databases.in_source(LONG)
    with held_up(databases, pipeline(databases)) as running:
        databases.in_source(f"select pg_terminate_backend(pid) {READING} limit 1")
    running.result().raise_failure()
    assert databases.in_target(f"{COUNTED} t") == odd(databases)


def test_a_run_that_is_stopped_leaves_no_session_reading(databases: Databases) -> None:
    databases.in_source(LONG)
    made = pipeline(databases)
    session = RunSession(made, run_id="r", secrets=secrets)
    with held_up(databases, made, session) as running:
        session.interrupt()
        wait_for("no session reads", lambda: sessions(databases) == 0)
        assert not running.result().ok
    assert databases.in_target("select count(*) from t") == [(0,)]


def test_all_parts_are_read_at_one_moment(databases: Databases) -> None:
    """Every row is moved to another page again and again, and found once each time."""
    databases.in_source(
        "create table left_account as select i as id, 100 as amount, repeat('x', 300) as v "
        "from generate_series(1, 10000) i",
        "create table right_account as select 1 as id, 0 as amount",
    )
    with moving(databases.source_url):
        loaded(databases, "left_account", columns=["id", "v"]).raise_failure()
    assert databases.in_target(f"{COUNTED} t") == [(5000, 5000, 25005000)]


@pytest.mark.parametrize("statement", ["truncate s", "vacuum full s"])
def test_nobody_moves_rows_to_other_pages_meanwhile(databases: Databases, statement: str) -> None:
    databases.in_source(*MANY)
    with cut(databases), pytest.raises(psycopg.errors.LockNotAvailable):
        databases.in_source("set lock_timeout = '100ms'", statement)


def test_a_part_that_cannot_be_read_fails_its_source(databases: Databases) -> None:
    databases.in_source(
        "create table s as select i as id, i::numeric(9,2) as v from generate_series(1, 50000) i",
        "update s set v = 'NaN' where id = 40000",
    )
    (failure,) = loaded(databases).failures
    assert (failure.step, "NaN" in failure.message) == ("read", True), failure.message
    assert databases.in_target("select count(*) from t") == [(0,)]


def test_a_value_for_which_the_load_begins_again_is_read_again(databases: Databases) -> None:
    """A decimal of 30 digits makes the quick way fail in the middle."""
    databases.in_source(
        "create table s as select i as id, 1::numeric(38,1) as v from generate_series(1, 40000) i",
        "update s set v = 123456789012345678901234567890.5 where id = 40000",
    )
    made = pipeline(databases)
    databases.in_target("alter table t alter v type numeric(38,1) using 0")
    run(made, run_id="r", secrets=secrets).raise_failure()
    assert databases.in_target(f"{COUNTED} t") == odd(databases)


def test_only_new_rows_are_read_by_several_sessions(databases: Databases) -> None:
    databases.in_source(*MANY)
    made = pipeline(databases, incremental={"column": "id"})
    run(made, run_id="first", secrets=secrets).raise_failure()
    databases.in_source("insert into s select i, 'new' from generate_series(20001, 20010) i")
    outcome = run(made, run_id="second", secrets=secrets)
    assert outcome.nodes["read"].rows_out == 10
    assert databases.in_target(f"{COUNTED} t") == odd(databases)


def test_the_filter_of_a_source_holds_for_every_part(databases: Databases) -> None:
    databases.in_source(*MANY)
    outcome = loaded(databases, filter="id > 19000", columns=["id", "v"])
    assert outcome.nodes["read"].rows_out == 1000


def test_a_large_table_has_as_many_parts_as_there_are_sessions(databases: Databases) -> None:
    databases.in_source(*MANY)
    found = rows_of_parts(databases)
    assert (len(found), sum(found)) == (4, LEFT)


def test_a_small_table_is_one_part(databases: Databases) -> None:
    databases.in_source("create table s as select 1 as id")
    assert rows_of_parts(databases) == [1]


def test_partitions_are_cut_alike(databases: Databases) -> None:
    databases.in_source(
        "create table s (id int, v text) partition by range (id)",
        "create table s1 partition of s for values from (0) to (100)",
        "create table s2 partition of s for values from (100) to (20000)",
        "insert into s select i, repeat('x', 300) from generate_series(1, 15999) i",
    )
    found = rows_of_parts(databases)
    assert (len(found), sum(found)) == (4, LEFT)


NO_PARTS = {
    "view": ["create view s as select 1 as id, 'x' as v"],
    "inherited": [
        "create table s as select 1 as id, 'x' as v",
        "create table heir () inherits (s)",
    ],
    "foreign": [
        "create foreign data wrapper nothing",
        "create server nowhere foreign data wrapper nothing",
        "create foreign table s (id int) server nowhere",
    ],
}


@pytest.mark.parametrize("what", NO_PARTS)
def test_what_pages_do_not_tell_has_no_parts(databases: Databases, what: str) -> None:
    databases.in_source("drop foreign data wrapper if exists nothing cascade", *NO_PARTS[what])
    assert rows_of_parts(databases) == []


@pytest.mark.parametrize("connector", ["postgresql", "cockroachdb"])
def test_what_has_no_parts_is_read_by_one_and_says_so(databases: Databases, connector: str) -> None:
    databases.in_source(*NO_PARTS["view"])
    made = pipeline(databases)
    read = of_family(connector, databases.source_url)
    made = made.model_copy(update={"connections": {**made.connections, "source": read}})
    node = run(made, run_id="r", secrets=secrets).nodes["read"]
    assert node.rows_out == 1
    (warning,) = node.warnings
    assert "one session read it, not 4" in warning


def test_a_query_is_not_for_several_sessions() -> None:
    with pytest.raises(ValidationError, match="'2' sessions cannot share the work of a query"):
        DatabaseSourceConfig(connection="c", sql="select 1", sessions=2)
