"""Nodes that run as one query count the rows they would have if each ran alone."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipelines import plan

from engine.execution import Execution
from engine.plan import Input, Step
from engine.registry import kinds
from engine.stages.optimizer import stages

_COLUMNS = [{"name": "id", "type": "integer"}, {"name": "v", "type": "integer"}]
_PAIR = [{"side": "left", "name": "id"}, {"side": "right", "name": "v"}]
_ID = [{"left": "id", "right": "id"}]
#: Every kind leaves columns ``id`` and ``v``, so that any can follow any.
_ONE: list[tuple[str, dict[str, Any]]] = [
    ("filter", {"condition": "v > 2"}),
    ("filter", {"condition": "v is null or id = 1"}),
    ("filter", {"condition": "v > 99"}),
    ("expression", {"columns": [{"name": "v", "expression": "(v + 1) % 7"}]}),
    ("select", {"columns": [{"name": "id"}, {"name": "v"}]}),
    ("sort", {"order_by": [{"column": "v"}]}),
    ("deduplicate", {"key": ["id"], "order_by": [{"column": "v"}]}),
    (
        "aggregate",
        {"group_by": ["id"], "aggregates": [{"name": "v", "function": "max", "column": "v"}]},
    ),
]
_TWO: list[tuple[str, dict[str, Any]]] = [
    ("union", {"inputs": 2}),
    *(("join", {"type": t, "on": _ID, "columns": _PAIR}) for t in ("inner", "left", "full")),
]
_PORTS = {"union": ("in1", "in2"), "join": ("left", "right")}


def step(key: str, kind: str, config: dict[str, Any], *reads: str) -> Step:
    ports = _PORTS.get(kind, ("in",))
    edges = tuple(Input(port=p, step=r) for p, r in zip(ports, reads, strict=False))
    return Step(key=key, name=key, kind=kind, config=config, inputs=edges)


@st.composite
def graphs(draw: st.DrawFn) -> list[Step]:
    number = st.none() | st.integers(0, 5)
    made: list[Step] = []
    for index in range(draw(st.integers(1, 3))):
        rows = draw(st.lists(st.tuples(number, number).map(list), max_size=6))
        made.append(step(f"s{index}", "inline_source", {"columns": _COLUMNS, "rows": rows}))
    for index in range(draw(st.integers(1, 8))):
        kind, config = draw(st.sampled_from(_ONE + _TWO))
        reads = [draw(st.sampled_from(made)).key for _ in range(2)]
        made.append(step(f"n{index}", kind, config, *reads))
    return made


def counts(steps: list[Step], **options: int) -> dict[str, tuple[int | None, int | None]]:
    cut = stages(steps, kinds(), **options)
    execution = Execution(
        plan(steps),
        run_id="r",
        secrets=lambda connection: {},
        kinds=kinds(),
        connectors={},
        parameters={},
        stages=cut,
        sessions=1,
    )
    try:
        found = [node for stage in cut for node in execution.execute(stage).values()]
    finally:
        execution.close()
    return {node.step: (node.rows_in, node.rows_out) for node in found}


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=graphs())
def test_rows_of_every_node_are_those_of_a_run_without_fusion(steps: list[Step]) -> None:
    assert counts(steps) == counts(steps, max_steps=1)
