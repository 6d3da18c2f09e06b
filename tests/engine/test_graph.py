from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field

from engine.graph import order, parse_configs
from engine.kind import Kind, NodeConfig
from engine.plan import Input, Step


class Part(NodeConfig):
    name: str = Field(description="Name of the part.")


class Parts(NodeConfig):
    parts: list[Part] = Field([], description="The parts.")
    size: int = Field(1, ge=1, description="How many.")
    motive: str = Field(description="What it is for.")


class Nothing(NodeConfig):
    pass


class Spring(Kind[Nothing]):
    slug, role, inputs, outputs, Config = "spring", "source", (), ("out",), Nothing


class Mixer(Kind[Parts]):
    slug, role, inputs, outputs, Config = "mixer", "transform", ("left", "right"), ("out",), Parts


class Sink(Kind[Nothing]):
    slug, role, inputs, outputs, Config = "sink", "target", ("in",), (), Nothing


KINDS: dict[str, Kind[Any]] = {kind.slug: kind() for kind in (Spring, Mixer, Sink)}


def step(key: str, kind: str, /, *, config: dict[str, Any] | None = None, **inputs: str) -> Step:
    edges = tuple(Input(port=port.rstrip("_"), step=name) for port, name in inputs.items())
    return Step(key=key, name=key, kind=kind, config=config or {}, inputs=edges)


def found(*steps: Step) -> list[tuple[str, str]]:
    return [(issue.code, issue.node) for issue in order(steps, KINDS).issues]


def test_steps_come_after_their_inputs() -> None:
    ordered = order([step("end", "sink", in_="start"), step("start", "spring")], KINDS)
    assert [s.key for s in ordered.steps] == ["start", "end"]
    assert ordered.issues == []


def test_a_workflow_without_nodes_is_empty() -> None:
    assert found() == [("empty", "")]


def test_a_cycle_names_its_nodes_in_order() -> None:
    mix = step("mix", "mixer", left="start", right="again")
    again = step("again", "mixer", left="mix", right="start")
    ordered = order([step("start", "spring"), mix, again, step("end", "sink", in_="mix")], KINDS)
    (issue,) = ordered.issues
    assert issue.code == "cycle"
    assert "'mix' → 'again' → 'mix'" in issue.message
    assert [s.key for s in ordered.steps] == ["start"]


def test_a_node_that_feeds_itself_is_a_cycle() -> None:
    assert ("cycle", "mix") in found(step("mix", "mixer", left="mix", right="mix"))


def test_an_unknown_kind_is_named_with_the_nearest_and_blamed_for_nothing_else() -> None:
    (issue,) = order([step("a", "sinc", in_="a1"), step("a1", "spring")], KINDS).issues
    assert issue.code == "unknown_kind"
    assert "did you mean 'sink'?" in issue.message


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (step("end", "sink"), [("unconnected", "start"), ("port_missing", "end")]),
        (step("end", "sink", in_="start", side="start"), [("port_unknown", "end")]),
        (step("end", "sink", in_="gone"), [("unconnected", "start"), ("unknown_node", "end")]),
    ],
)
def test_ports_are_checked(end: Step, expected: list[tuple[str, str]]) -> None:
    assert found(step("start", "spring"), end) == expected


def test_a_port_takes_one_input() -> None:
    edges = (Input(port="in", step="a"), Input(port="in", step="b"))
    end = Step(key="end", name="end", kind="sink", config={}, inputs=edges)
    assert found(step("a", "spring"), step("b", "spring"), end) == [("port_taken", "end")]


def test_nothing_can_be_read_from_a_target() -> None:
    first = step("first", "sink", in_="start")
    assert found(step("start", "spring"), first, step("second", "sink", in_="first")) == [
        ("port_unknown", "first")
    ]


def test_a_workflow_that_writes_nowhere_is_told_so() -> None:
    assert found(step("start", "spring")) == [("unconnected", "start"), ("no_target", "")]


def test_two_nodes_with_one_key_are_an_issue() -> None:
    assert ("duplicate_node", "a") in found(step("a", "spring"), step("a", "spring"))


def test_settings_become_configs() -> None:
    config = {"motive": "tea", "parts": [{"name": "cup"}]}
    configs, issues = parse_configs([step("mix", "mixer", config=config)], KINDS)
    assert configs["mix"] == Parts(motive="tea", parts=[Part(name="cup")])
    assert issues == []


@pytest.mark.parametrize(
    ("config", "code", "field", "words"),
    [
        ({"motive": "x", "sise": 2}, "setting_unknown", "sise", "did you mean 'size'?"),
        ({}, "setting_missing", "motive", "what it is for"),
        ({"motive": "x", "size": "many"}, "setting_invalid", "size", "'many'"),
        (
            {"motive": "x", "parts": [{"name": "a", "nam": 1}]},
            "setting_unknown",
            "parts.0.nam",
            "did you mean 'name'?",
        ),
        ({"motive": "x", "parts": [{}]}, "setting_missing", "parts.0.name", "name of the part"),
    ],
)
def test_a_bad_setting_is_addressed(
    config: dict[str, Any], code: str, field: str, words: str
) -> None:
    configs, (issue,) = parse_configs([step("mix", "mixer", config=config)], KINDS)
    assert (issue.code, issue.node, issue.field) == (code, "mix", field)
    assert words in issue.message
    assert configs == {}
