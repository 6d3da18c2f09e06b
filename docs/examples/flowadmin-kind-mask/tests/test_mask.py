"""Run with the package installed: a plan that has a node of its kind."""

from __future__ import annotations

from engine.interpreter import run
from engine.plan import Input, Plan, Step
from engine.registry import kinds


def masked(**config: object) -> Plan:
    people = {"columns": [{"name": "id"}, {"name": "email"}], "rows": [["1", "ada@x.org"]]}
    read = Step(key="people", name="people", kind="inline_source", config=people)
    edge = (Input(port="in", step="people"),)
    mask = Step(key="mask", name="mask", kind="mask", config=config, inputs=edge)
    expect = {"assertions": [{"rule": "condition", "condition": "email = '*********'"}]}
    edge = (Input(port="in", step="mask"),)
    check = Step(key="check", name="check", kind="assert", config=expect, inputs=edge)
    return Plan(workflow_id="w", workflow_name="w", workflow_version=1, steps=(read, mask, check))


def test_the_kind_is_found() -> None:
    assert kinds()["mask"].label == "Mask"


def test_values_are_hidden_by_stars() -> None:
    outcome = run(masked(columns=["email"]), run_id="r", secrets=lambda connection: {})
    outcome.raise_failure()
    assert outcome.nodes["mask"].rows_out == 1


def test_a_column_that_is_not_there_is_an_issue() -> None:
    outcome = run(masked(columns=["emial"]), run_id="r", secrets=lambda connection: {})
    assert "did you mean 'email'?" in outcome.failures[0].message
