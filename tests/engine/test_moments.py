"""Sources of one database are read at one moment, whatever is written meanwhile."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from pipelines import Databases, connection, join, plan, secrets, source, target, transform

from engine.interpreter import TaskFuture, Work, run
from engine.outcome import NodeOutcome, RunOutcome
from engine.plan import Plan, PlanConnection, Step

#: Two accounts of each of 100 people; whatever is moved between them, a person has 100.
ACCOUNTS = (
    "create table left_account (id int primary key, amount int)",
    "create table right_account (id int primary key, amount int)",
    "insert into left_account select i, 100 from generate_series(1, 100) i",
    "insert into right_account select i, 0 from generate_series(1, 100) i",
)


@contextmanager
def moving(url: str) -> Iterator[None]:
    """Somebody who moves amounts between the accounts of everyone, without a pause."""
    stop = threading.Event()

    def move() -> None:
        with psycopg.connect(url) as session:
            while not stop.is_set():
                amount = random.randint(-10, 10)
                session.execute("update left_account set amount = amount - %s", [amount])
                session.execute("update right_account set amount = amount + %s", [amount])
                session.commit()

    with ThreadPoolExecutor(1) as threads:
        moved = threads.submit(move)
        yield
        stop.set()
        moved.result()


def test_a_join_never_sees_two_moments(databases: Databases) -> None:
    databases.in_source(*ACCOUNTS)
    databases.in_target("create table t (total bigint)")
    total = [{"name": "total", "expression": "amount + amount_right"}]
    steps = [
        source("l", "left_account"),
        source("r", "right_account"),
        join("both", "l", "r"),
        transform("sum", "expression", "both", columns=total),
        transform("pick", "select", "sum", columns=[{"name": "total"}]),
        target("w", "t", "pick"),
    ]
    made = plan(steps, databases.connections())
    with moving(databases.source_url):
        for number in range(5):
            run(made, run_id=str(number), secrets=secrets).raise_failure()
    assert databases.in_target("select distinct total from t") == [(100,)]


def two_loads(databases: Databases) -> list[Step]:
    databases.in_source("create table a as select 1 as v", "create table b as select 1 as v")
    databases.in_target("create table ta (v int)", "create table tb (v int)")
    return [
        source("a", "a"),
        target("load a", "ta", "a"),
        source("b", "b"),
        target("load b", "tb", "b"),
    ]


def run_with_a_change(databases: Databases, made: Plan) -> RunOutcome:
    """Both tables change when one is loaded and the other is not yet read."""
    threads, is_loaded = ThreadPoolExecutor(), threading.Event()

    def submit(step: Step, work: Work) -> TaskFuture:
        def task() -> NodeOutcome:
            if step.key == "load b":
                assert is_loaded.wait(60)
                databases.in_source("update a set v = 2", "update b set v = 2")
            outcome = work()
            if step.key == "load a":
                is_loaded.set()
            return outcome

        return threads.submit(task)

    with threads:
        return run(made, run_id="r", secrets=secrets, submit=submit)


def test_a_later_stage_reads_what_was_there_when_the_first_one_read(databases: Databases) -> None:
    made = plan(two_loads(databases), databases.connections())
    run_with_a_change(databases, made).raise_failure()
    assert databases.in_target("select v from ta union all select v from tb") == [(1,), (1,)]


def test_a_load_inside_the_database_reads_at_the_moment_of_the_others(databases: Databases) -> None:
    steps = two_loads(databases)
    databases.in_source("create table ta (v int)", "create table tb (v int)")
    one = connection(databases.source_url)
    outcome = run_with_a_change(databases, plan(steps, {"source": one, "target": one}))
    assert outcome.nodes["load b"].is_inside
    assert databases.in_source("select v from ta union all select v from tb") == [(1,), (1,)]


def test_rows_with_keys_are_not_loaded_at_an_earlier_moment(databases: Databases) -> None:
    """A load at that moment would not see what another has put there since."""
    steps = two_loads(databases)
    databases.in_source("create table ta (v int)", "create table tb (v int primary key)")
    steps[3] = target("load b", "tb", "b", "delete_insert", config={"keys": ["v"]})
    one = connection(databases.source_url)
    outcome = run(plan(steps, {"source": one, "target": one}), run_id="r", secrets=secrets)
    assert [outcome.nodes[key].is_inside for key in ("load a", "load b")] == [True, False]


def test_a_table_that_cannot_be_truncated_is_not_emptied_at_an_earlier_moment(
    databases: Databases,
) -> None:
    """A DELETE at that moment would leave what came since."""
    steps = two_loads(databases)
    databases.in_source(
        "create table ta (v int)",
        "create table tb (v int primary key)",
        "create table referring (v int references tb)",
    )
    steps[3] = target("load b", "tb", "b", "replace")
    one = connection(databases.source_url)
    outcome = run(plan(steps, {"source": one, "target": one}), run_id="r", secrets=secrets)
    assert [outcome.nodes[key].is_inside for key in ("load a", "load b")] == [True, False]


def test_two_connections_to_one_database_share_a_moment(databases: Databases) -> None:
    steps = two_loads(databases)
    again = source("b", "b", connection="again")
    connections = {**databases.connections(), "again": connection(databases.source_url)}
    made = plan([*steps[:2], again, steps[3]], connections)
    run_with_a_change(databases, made).raise_failure()
    assert databases.in_target("select v from tb") == [(1,)]


def test_a_load_that_begins_again_reads_at_the_same_moment(databases: Databases) -> None:
    """A decimal of 30 digits makes the quick way fail in the middle."""
    databases.in_source(
        "create table s as select 1 as id, 123456789012345678901234567890.5::numeric(38,1) as v",
        "create table more as select 1 as id",
    )
    databases.in_target("create table t (id int, v numeric(38,1))")
    columns = [{"name": "id"}, {"name": "v"}]
    steps = [
        source("l", "s"),
        source("r", "more"),
        join("both", "l", "r"),
        transform("pick", "select", "both", columns=columns),
        target("w", "t", "pick"),
    ]
    run(plan(steps, databases.connections()), run_id="r", secrets=secrets).raise_failure()
    assert databases.in_target("select v::text from t") == [("123456789012345678901234567890.5",)]


def of_family(connector: str, url: str) -> PlanConnection:
    return connection(url).model_copy(update={"connector": connector})


@pytest.mark.parametrize("connector", ["cockroachdb", "yugabytedb", "yellowbrick"])
def test_a_database_that_shares_no_moments_is_told_of(databases: Databases, connector: str) -> None:
    steps = two_loads(databases)
    read = of_family(connector, databases.source_url)
    made = plan(steps, {**databases.connections(), "source": read})
    outcome = run(made, run_id="r", secrets=secrets)
    assert "share no snapshot" in outcome.nodes["b"].warnings[0]
    assert outcome.nodes["load b"].warnings == ()


def test_a_single_source_needs_no_moment(databases: Databases) -> None:
    steps = two_loads(databases)[:2]
    read = of_family("cockroachdb", databases.source_url)
    made = plan(steps, {**databases.connections(), "source": read})
    assert run(made, run_id="r", secrets=secrets).nodes["a"].warnings == ()
