"""What it saves that rows do not leave their database: with keys, and in groups.

``upsert``, ``delete_insert``  lines of orders into a table that has every other one already
``modes``                      how often, and for how much, lines were shipped by each of 7 modes
``parts``                      the same of each of 200,000 parts

Each in the database alone, and through the engine (``inside_database: false``), in turns; ratios
are to the latter, and the rows must be equal. ``etl_same_database`` tells of plain loads.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.etl import lineitem
from benchmarks.etl.cost import Cost, measured, median, ratio
from benchmarks.etl.runner import Runner, running_plans
from benchmarks.etl.server import Server, running_server
from benchmarks.result import Result
from engine.plan import Input, Plan, Step

_ROWS = 1_500_000
_REPETITIONS = 3
_KEYS = ("l_orderkey", "l_linenumber")
_PLACES = {"through the engine": False, "inside": True}
_GROUPS = {"modes": "l_shipmode", "parts": "l_partkey"}
_AGGREGATES = [
    {"name": "orders", "function": "count"},
    {"name": "sold", "function": "sum", "column": "l_extendedprice"},
    {"name": "last", "function": "max", "column": "l_shipdate"},
]


def measure(size: float = 1) -> Iterator[Result]:
    with running_plans() as runner, running_server() as server:
        lineitem.make_source(server, int(_ROWS * size))
        for case in ("upsert", "delete_insert", *_GROUPS):
            costs: dict[str, list[Cost]] = {place: [] for place in _PLACES}
            digests = set()
            for _ in range(_REPETITIONS):
                for place, is_inside in _PLACES.items():
                    costs[place].append(_cost(server, runner, case, is_inside))
                    digests.add(lineitem.digest(server, "source", "loaded"))
            if len(digests) != 1:
                raise RuntimeError("the rows differ")
            yield from _results(case, costs)


def _results(case: str, costs: dict[str, list[Cost]]) -> Iterator[Result]:
    through = costs["through the engine"]
    for place, found in costs.items():
        for name, figure in (("wall_s", lambda c: c.wall), ("cpu_s", lambda c: c.cpu)):
            value, share = median(found, figure), ratio(found, through, figure)
            yield Result(f"{case}, {place}", name, value, "s", ratio=share)


def _cost(server: Server, runner: Runner, case: str, is_inside: bool) -> Cost:
    fields = ", ".join(f"{name} {type_}" for name, (type_, _) in lineitem.COLUMNS.items())
    table = f"create table loaded ({fields}, primary key ({', '.join(_KEYS)}))"
    half = "insert into loaded select * from lineitem where l_linenumber % 2 = 0"
    if key := _GROUPS.get(case):
        type_ = lineitem.COLUMNS[key][0]
        table = f"create table loaded ({key} {type_}, orders bigint, sold numeric, last date)"
        half = "select"
    server.execute("source", "drop table if exists loaded", table, half, "analyze loaded")
    plan = _plan(server, case, is_inside)
    return measured(server, lambda: runner.run(plan)[0])


def _plan(server: Server, case: str, is_inside: bool) -> Plan:
    written: dict[str, Any] = {"mode": "append"}
    steps = [_step("read", "database_source", "", connection="source", table="lineitem")]
    if key := _GROUPS.get(case):
        steps.append(_step("group", "aggregate", "read", group_by=[key], aggregates=_AGGREGATES))
    else:
        written = {"mode": case, "keys": list(_KEYS)}
    target = {"connection": "source", "table": "loaded", "inside_database": is_inside, **written}
    steps.append(_step("load", "database_target", steps[-1].key, **target))
    return Plan(
        workflow_id="benchmark",
        workflow_name="benchmark",
        workflow_version=1,
        steps=tuple(steps),
        connections={"source": server.connection("source")},
    )


def _step(key: str, kind: str, reads: str, **config: Any) -> Step:
    edges = (Input(port="in", step=reads),) if reads else ()
    return Step(key=key, name=key, kind=kind, config=config, inputs=edges)
