"""Plans run against real databases: rows, counts, culprits, retries and stops."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import psycopg
import pytest
from pipelines import Databases, connection, join, plan, secrets, source, target, transform

from engine.errors import Interrupted, PlanError, StepFailed
from engine.interpreter import RunSession, run
from engine.outcome import NodeOutcome, RunOutcome
from engine.plan import Plan, Step

PEOPLE = (
    "create table people (id int, name text, salary numeric(12,2))",
    "insert into people select i, 'p' || i, i * 10 from generate_series(1, 1000) i",
)


def run_plan(
    steps: list[Step], databases: Databases, run_id: str = "r", **fields: Any
) -> RunOutcome:
    fields = {"connections": databases.connections(), **fields}
    return run(plan(steps, **fields), run_id=run_id, secrets=secrets)


def counts(outcome: RunOutcome) -> dict[str, tuple[int | None, int | None]]:
    return {key: (node.rows_in, node.rows_out) for key, node in outcome.nodes.items()}


def told_columns(outcome: RunOutcome) -> dict[str, dict[str, str]]:
    return {
        key: {column.name: column.native_type for column in node.columns}
        for key, node in outcome.nodes.items()
    }


def pipeline(databases: Databases, mode: str = "append") -> list[Step]:
    databases.in_source(*PEOPLE)
    databases.in_target("create table rich (id int, twice numeric(14,2))")
    return [
        source("read", "people"),
        transform("keep", "filter", "read", condition="salary > 9000"),
        transform(
            "double", "expression", "keep", columns=[{"name": "twice", "expression": "salary * 2"}]
        ),
        transform("pick", "select", "double", columns=[{"name": "id"}, {"name": "twice"}]),
        target("write", "rich", "pick", mode),
    ]


def test_rows_arrive_and_every_node_is_counted(databases: Databases) -> None:
    outcome = run_plan(pipeline(databases), databases)
    outcome.raise_failure()
    assert counts(outcome) == {
        "read": (None, 1000),
        "keep": (1000, 100),
        "double": (100, 100),
        "pick": (100, 100),
        "write": (100, 100),
    }
    assert databases.in_target("select count(*), sum(twice) from rich") == [(100, 1901000)]


def test_every_node_takes_its_time(databases: Databases) -> None:
    outcome = run_plan(pipeline(databases), databases)
    assert all(node.seconds >= 0 for node in outcome.nodes.values())
    assert outcome.nodes["read"].seconds > 0
    assert outcome.nodes["write"].seconds > outcome.nodes["keep"].seconds


def test_sources_and_targets_tell_the_columns_they_found(databases: Databases) -> None:
    assert told_columns(run_plan(pipeline(databases), databases)) == {
        "read": {"id": "integer", "name": "text", "salary": "numeric(12,2)"},
        "keep": {},
        "double": {},
        "pick": {},
        "write": {"id": "integer", "twice": "numeric(14,2)"},
    }


def test_a_source_tells_its_columns_where_a_node_after_it_fails(databases: Databases) -> None:
    steps = pipeline(databases)
    databases.in_source("alter table people rename column salary to pay")
    outcome = run_plan(steps, databases)
    assert outcome.failures[0].step == "keep"
    assert told_columns(outcome)["read"] == {
        "id": "integer", "name": "text", "pay": "numeric(12,2)"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("type_", "rows"), [("inner", 50), ("left", 100), ("right", 250), ("full", 300)]
)
def test_both_sides_of_a_join_are_counted(databases: Databases, type_: str, rows: int) -> None:
    databases.in_source(
        "create table a as select i as id from generate_series(1, 100) i",
        "create table b as select i as id, 'x' as word from generate_series(51, 300) i",
    )
    databases.in_target("create table t (id int, word text)")
    steps = [
        source("left", "a"),
        source("right", "b"),
        transform("some", "filter", "right", condition="id <= 300"),
        join("both", "left", "some", type_=type_),
        target("write", "t", "both"),
    ]
    outcome = run_plan(steps, databases)
    outcome.raise_failure()
    assert counts(outcome) == {
        "left": (None, 100),
        "right": (None, 250),
        "some": (250, 250),
        "both": (350, rows),
        "write": (rows, rows),
    }


def test_counts_do_not_depend_on_the_order_of_dependencies(databases: Databases) -> None:
    databases.in_source(
        "create table a as select i as id from generate_series(1, 9) i",
        "create table b as select i as id, 'x' as word from generate_series(1, 5) i",
    )
    databases.in_target("create table t (id int, word text)")
    both = join("both", "left", "right", type_="inner")
    turned = both.model_copy(update={"inputs": both.inputs[::-1]})
    steps = [source("left", "a"), source("right", "b"), turned, target("write", "t", "both")]
    outcome = run_plan(steps, databases)
    assert counts(outcome)["left"] == (None, 9)
    assert counts(outcome)["right"] == (None, 5)


def test_a_condition_that_is_never_true_reads_nothing(databases: Databases) -> None:
    steps = pipeline(databases)
    steps[1] = transform("keep", "filter", "read", condition="1 = 0")
    outcome = run_plan(steps, databases)
    outcome.raise_failure()
    assert counts(outcome)["read"] == (None, 0)
    assert counts(outcome)["write"] == (0, 0)


def test_rows_that_two_targets_take_are_read_once(databases: Databases) -> None:
    databases.in_source(*PEOPLE)
    databases.in_target("create table t (id int)", "create table u (id int)")
    steps = [
        source("read", "people"),
        transform("keep", "filter", "read", condition="id <= 10"),
        target("one", "t", "keep"),
        transform("fewer", "filter", "keep", condition="id <= 5"),
        target("two", "u", "fewer"),
    ]
    outcome = run_plan(steps, databases)
    outcome.raise_failure()
    assert counts(outcome) == {
        "read": (None, 1000),
        "keep": (1000, 10),
        "one": (10, 10),
        "fewer": (10, 5),
        "two": (5, 5),
    }
    assert databases.in_target("select count(*) from t, u") == [(50,)]


def test_keys_that_differ_only_in_case_are_different_nodes(databases: Databases) -> None:
    databases.in_source(*PEOPLE)
    databases.in_target("create table t (id int)")
    steps = [
        source("a", "people"),
        transform("A", "filter", "a", condition="id <= 10"),
        target('in"', "t", "A"),
    ]
    assert counts(run_plan(steps, databases))['in"'] == (10, 10)


def test_parameters_of_a_run_replace_those_of_the_plan(databases: Databases) -> None:
    steps = pipeline(databases)
    steps[1] = transform("keep", "filter", "read", condition="salary > $least")
    made = plan(steps, databases.connections(), parameters={"least": 0})
    run(made, run_id="r", secrets=secrets, parameters={"least": 9990}).raise_failure()
    assert databases.in_target("select id from rich") == [(1000,)]


def test_a_second_run_of_the_same_id_loads_nothing(databases: Databases) -> None:
    steps = pipeline(databases)
    run_plan(steps, databases, "same").raise_failure()
    again = run_plan(steps, databases, "same")
    assert counts(again)["write"] == (None, 100)
    assert databases.in_target("select count(*) from rich") == [(100,)]


def culprit_of(outcome: RunOutcome) -> tuple[str, str]:
    (failure,) = outcome.failures
    return failure.step, failure.code


def test_a_missing_table_fails_its_source_and_skips_what_follows(databases: Databases) -> None:
    steps = pipeline(databases)
    steps[0] = source("read", "poeple")
    outcome = run_plan(steps, databases)
    assert culprit_of(outcome) == ("read", "E_TABLE_NOT_FOUND")
    assert "did you mean 'public.people'" in outcome.failures[0].message
    assert outcome.skipped == ("keep", "double", "pick", "write")


def test_a_value_that_cannot_be_computed_fails_the_node_that_computes_it(
    databases: Databases,
) -> None:
    steps = pipeline(databases)
    databases.in_source(
        "update people set name = '7'", "update people set name = 'x' where id = 950"
    )
    number = {"name": "twice", "expression": "cast(name as integer)"}
    steps[2] = transform("double", "expression", "keep", columns=[number])
    outcome = run_plan(steps, databases)
    assert culprit_of(outcome) == ("double", "E_VALUE")
    assert "Could not convert string 'x'" in outcome.failures[0].message
    assert (set(outcome.nodes), outcome.skipped) == ({"read", "keep"}, ("pick", "write"))
    assert databases.in_target("select * from rich") == []


def test_a_value_the_source_cannot_give_exactly_fails_the_source(databases: Databases) -> None:
    databases.in_source("create table s (price numeric)", "insert into s values ('NaN')")
    databases.in_target("create table t (price numeric)")
    outcome = run_plan([source("read", "s"), target("write", "t", "read")], databases)
    assert culprit_of(outcome) == ("read", "E_VALUE")
    assert "column 'price' holds 'NaN'" in outcome.failures[0].message
    assert "nullif(\"price\", 'NaN')" in outcome.failures[0].message


def test_a_number_of_too_many_digits_names_its_column_and_offers_a_cast(
    databases: Databases,
) -> None:
    databases.in_source("create table s (price numeric)", "insert into s values (0.12345678901)")
    databases.in_target("create table t (price numeric)")
    outcome = run_plan([source("read", "s"), target("write", "t", "read")], databases)
    assert culprit_of(outcome) == ("read", "E_VALUE")
    assert outcome.failures[0].permanent
    assert "holds '0.12345678901', which does not fit DECIMAL(38,10)" in outcome.failures[0].message
    assert 'CAST("price" AS numeric(38,20))' in outcome.failures[0].message
    assert databases.in_target("select * from t") == []


def test_rows_the_target_refuses_fail_the_target(databases: Databases) -> None:
    steps = pipeline(databases)
    databases.in_target("alter table rich add check (id < 1000)", "insert into rich values (1, 1)")
    outcome = run_plan(steps, databases)
    assert culprit_of(outcome) == ("write", "E_LOAD_CONSTRAINT")
    assert set(outcome.nodes) == {"read", "keep", "double", "pick"}
    assert databases.in_target("select id from rich") == [(1,)]


def test_a_number_too_large_for_its_column_fails_the_target(databases: Databases) -> None:
    steps = pipeline(databases)
    databases.in_target("alter table rich alter twice type numeric(3,2)")
    assert culprit_of(run_plan(steps, databases))[0] == "write"


def test_a_column_that_went_away_fails_the_node_that_uses_it(databases: Databases) -> None:
    steps = pipeline(databases)
    databases.in_source("alter table people drop salary")
    outcome = run_plan(steps, databases)
    assert outcome.failures[0].step == "keep"
    assert "'salary'" in outcome.failures[0].message


def test_an_independent_branch_finishes_when_another_fails(databases: Databases) -> None:
    databases.in_source(*PEOPLE)
    databases.in_target("create table t (id int)")
    steps = [
        source("bad", "nothing"),
        target("lost", "t", "bad"),
        source("good", "people"),
        target("kept", "t", "good"),
    ]
    outcome = run_plan(steps, databases)
    assert culprit_of(outcome)[0] == "bad"
    assert (set(outcome.nodes), outcome.skipped) == ({"good", "kept"}, ("lost",))
    assert databases.in_target("select count(*) from t") == [(1000,)]


def test_stages_that_read_a_failed_one_are_skipped(databases: Databases) -> None:
    steps = [source("read", "nothing"), target("one", "t", "read"), target("two", "t", "read")]
    outcome = run_plan(steps, databases)
    assert culprit_of(outcome)[0] == "read"
    assert set(outcome.skipped) == {"one", "two"}


def test_a_source_that_does_not_answer_is_named(databases: Databases) -> None:
    away = connection(databases.source_url, host="127.0.0.1", port=1)
    steps = pipeline(databases)
    outcome = run_plan(steps, databases, connections={**databases.connections(), "source": away})
    assert culprit_of(outcome) == ("read", "E_UNREACHABLE")


def test_a_stage_is_tried_again_as_often_as_its_most_patient_node_allows(
    databases: Databases,
) -> None:
    """The source appears while the run waits for its third attempt."""
    steps = pipeline(databases)
    steps[0] = steps[0].model_copy(update={"retries": 2, "retry_delay_seconds": 0})
    away = connection(databases.source_url, host="127.0.0.1", port=1)
    attempts: list[int] = []

    def answer_at_third(sealed: object) -> dict[str, Any]:
        attempts.append(1)
        return {"password": databases.connections()["source"].sealed, **_port(databases, attempts)}

    made = plan(steps, {"source": away, "target": databases.connections()["target"]})
    outcome = run(made, run_id="r", secrets=answer_at_third)
    outcome.raise_failure()
    assert databases.in_target("select count(*) from rich") == [(100,)]


def _port(databases: Databases, attempts: list[int]) -> dict[str, Any]:
    return {"port": databases.connections()["source"].options["port"]} if len(attempts) > 2 else {}


def test_a_permanent_failure_is_not_tried_again(databases: Databases) -> None:
    steps = pipeline(databases)
    databases.in_target("alter table rich add check (id < 0)")
    steps[-1] = steps[-1].model_copy(update={"retries": 5, "retry_delay_seconds": 60})
    assert culprit_of(run_plan(steps, databases))[0] == "write"


def test_a_stage_that_takes_too_long_is_stopped_in_the_database_too(databases: Databases) -> None:
    databases.in_target("create table t (s text)")
    databases.in_source("create view slow as select pg_sleep(3600)::text as s")
    slow = source("read", "slow").model_copy(update={"timeout_seconds": 0.5})
    steps = [slow, target("write", "t", "read")]
    assert culprit_of(run_plan(steps, databases)) == ("write", "E_TIMEOUT")
    assert _is_idle(databases)


def _is_idle(databases: Databases) -> bool:
    sleeping = "select 1 from pg_stat_activity where state = 'active' and query like '%slow%'"
    return databases.in_source(f"{sleeping} and pid <> pg_backend_pid()") == []


@pytest.mark.parametrize("holder", ["source", "target"])
def test_an_interrupt_ends_a_run_soon_and_loads_nothing(databases: Databases, holder: str) -> None:
    """The run waits: in the source for a sleep, in the target for somebody else's lock."""
    databases.in_target("create table t (s text)")
    sleep = "pg_sleep(60)::text" if holder == "source" else "'x'"
    databases.in_source(f"create view slow as select {sleep} as s")
    steps = [source("read", "slow"), target("write", "t", "read")]
    session = RunSession(plan(steps, databases.connections()), run_id="r", secrets=secrets)
    with psycopg.connect(databases.target_url) as other:
        if holder == "target":
            other.execute("lock table t in access exclusive mode")
        threading.Timer(1, session.interrupt).start()
        outcome = session.run()
    assert culprit_of(outcome) == ("write", "E_INTERRUPTED")
    assert databases.in_target("select * from t") == []
    assert _is_idle(databases)


def test_no_node_of_a_stage_that_was_stopped_ended_well(databases: Databases) -> None:
    databases.in_target("create table t (i int)")
    databases.in_source("create table few as select 1 as i")
    databases.in_source("create view slow as select 1 as i, pg_sleep(60) is null as s")
    read = source("kept", "few").model_copy(update={"checkpoint": True})
    steps = [read, source("slow", "slow"), join("both", "slow", "kept", on="i")]
    steps.append(target("write", "t", "both"))
    tasks = Tasks()
    connections = databases.connections()
    session = RunSession(plan(steps, connections), run_id="r", secrets=secrets, submit=tasks.submit)
    threading.Timer(1, session.interrupt).start()
    outcome = session.run()
    assert set(outcome.nodes) == {"kept"}
    ends = {step.key: future.exception() for step, future in tasks.submitted}
    assert {key for key, end in ends.items() if end} == {"slow", "both", "write"}
    assert {str(getattr(end, "code", "")) for end in ends.values() if end} == {"E_INTERRUPTED"}


class Tasks:
    """A submitter that records whom it was given, and runs each in a thread."""

    def __init__(self) -> None:
        self.submitted: list[tuple[Step, Future[NodeOutcome]]] = []

    @property
    def steps(self) -> list[Step]:
        return [step for step, _ in self.submitted]

    def submit(self, step: Step, work: Callable[[], NodeOutcome]) -> Future[NodeOutcome]:
        future: Future[NodeOutcome] = Future()
        self.submitted.append((step, future))
        threading.Thread(target=self._run, args=(future, work)).start()
        return future

    def _run(self, future: Future[NodeOutcome], work: Callable[[], NodeOutcome]) -> None:
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)


def test_every_node_is_a_task_and_only_sinks_are_retried(databases: Databases) -> None:
    steps = pipeline(databases)
    steps[1] = steps[1].model_copy(update={"retries": 3, "timeout_seconds": 60})
    tasks = Tasks()
    made = plan(steps, databases.connections())
    run(made, run_id="r", secrets=secrets, submit=tasks.submit).raise_failure()
    retries = {step.key: (step.retries, step.timeout_seconds) for step in tasks.steps}
    assert retries == {
        "write": (3, None),
        "read": (0, None),
        "keep": (0, None),
        "double": (0, None),
        "pick": (0, None),
    }


def test_a_run_ends_when_the_task_of_a_sink_is_ended_by_others(databases: Databases) -> None:
    def never(step: Step, work: Callable[[], NodeOutcome]) -> Future[NodeOutcome]:
        if step.kind == "database_target":
            future: Future[NodeOutcome] = Future()
            future.set_exception(RuntimeError("cancelled"))
            return future
        return Tasks().submit(step, work)

    made = plan(pipeline(databases), databases.connections())
    outcome = run(made, run_id="r", secrets=secrets, submit=never)
    assert culprit_of(outcome) == ("write", "E_INTERRUPTED")


def test_an_unknown_kind_is_refused_before_anything_runs() -> None:
    made = plan([source("read", "t").model_copy(update={"kind": "filtre"})])
    with pytest.raises(
        PlanError, match=r"node 'read': unknown kind 'filtre'; did you mean 'filter'"
    ):
        run(made, run_id="r", secrets=secrets)


def test_a_failure_is_raised_by_the_one_who_asks() -> None:
    failure = StepFailed("a", "it broke", code="E_VALUE")
    with pytest.raises(StepFailed, match="E_VALUE: node 'a': it broke"):
        RunOutcome(failures=(failure,)).raise_failure()
    assert Interrupted().permanent
    assert isinstance(plan([]), Plan)
