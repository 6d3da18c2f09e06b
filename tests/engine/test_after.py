"""Nodes that start when another has ended, without rows from it."""

from __future__ import annotations

from pathlib import Path

from pipelines import Databases, plan, secrets, source, target

from engine.graph import order
from engine.interpreter import run
from engine.plan import Plan, Step
from engine.registry import kinds
from engine.restarting.restart import Restart


def loaded_and_read(databases: Databases, *, mode: str = "append") -> Plan:
    """Rows go into ``mid``; the whole of ``mid`` goes into ``far``."""
    databases.in_source("create table s as select i as id from generate_series(1, 3) i")
    databases.in_target(
        "create table mid (id int check (id < 100))",
        "insert into mid values (50)",
        "create table far (id int)",
    )
    again = source("again", "mid", connection="target")
    steps = [
        source("read", "s"),
        target("middle", "mid", "read", mode),
        again.model_copy(update={"after": ("middle",)}),
        target("end", "far", "again"),
    ]
    return plan(steps, databases.connections())


def far(databases: Databases) -> list[int]:
    return [row[0] for row in databases.in_target("select id from far order by id")]


def test_a_source_that_comes_after_a_load_reads_what_was_loaded(databases: Databases) -> None:
    run(loaded_and_read(databases), run_id="r", secrets=secrets).raise_failure()
    assert far(databases) == [1, 2, 3, 50]


def test_what_comes_after_a_node_that_failed_is_skipped(databases: Databases) -> None:
    made = loaded_and_read(databases)
    databases.in_source("insert into s values (100)")
    outcome = run(made, run_id="r", secrets=secrets)
    assert [failure.step for failure in outcome.failures] == ["middle"]
    assert set(outcome.skipped) == {"again", "end"}
    assert far(databases) == []


def test_a_restart_reads_after_a_load_that_is_there(databases: Databases, tmp_path: Path) -> None:
    made = loaded_and_read(databases)
    databases.in_target("alter table far add check (id < 50)")
    run(made, run_id="first", secrets=secrets, checkpoints=tmp_path)
    databases.in_target("alter table far drop constraint far_id_check")
    loads = {"middle": "first", "end": "first"}
    restart = Restart(root="first", done=("read", "middle"), loads=loads)
    run(made, run_id="second", secrets=secrets, restart=restart).raise_failure()
    assert far(databases) == [1, 2, 3, 50]


def test_a_circle_of_nodes_that_wait_for_each_other_is_a_cycle() -> None:
    steps = [
        Step(
            key="again",
            name="again",
            kind="database_source",
            config={"connection": "c", "table": "t"},
            after=("write",),
        ),
        target("write", "t", "again"),
    ]
    assert [issue.code for issue in order(steps, kinds()).issues] == ["cycle"]
