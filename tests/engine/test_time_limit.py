from __future__ import annotations

from pipelines import Databases, plan, secrets, source, target

from engine.interpreter import run


def test_a_run_beyond_its_limit_fails_and_starts_nothing_more(databases: Databases) -> None:
    databases.in_source("create view slow as select 1 as id from pg_sleep(3600)")
    databases.in_target("create table t (id int)")
    steps = [source(f"read{n}", "slow") for n in range(2)]
    steps += [target(f"write{n}", "t", f"read{n}", retries=3) for n in range(2)]
    made = plan(steps, databases.connections(), timeout_seconds=1)
    outcome = run(made, run_id="r", secrets=secrets)
    assert {failure.code for failure in outcome.failures} == {"E_TIMEOUT"}
    assert "longer than its limit of 1 s" in outcome.failures[0].message
