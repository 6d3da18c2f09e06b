"""What several sessions that read one table side by side gain and cost.

``lines``      the job of ``etl_cross_database``
``far``        the same from a server each of whose connections brings 15 MB/s, as far away
``documents``  a table of ``jsonb``, which PostgreSQL has to write out as text, counted by a word

Each with 1, 2 and 4 sessions in turns; ratios are to one session, and the rows must be equal. What
the network itself costs is not counted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.etl import lineitem
from benchmarks.etl.cost import Cost, measured, median, ratio
from benchmarks.etl.far import far_from
from benchmarks.etl.runner import Runner, running_plans
from benchmarks.etl.server import Server, running_server
from benchmarks.result import Result
from engine.plan import Input, Plan, PlanConnection, Step

_ROWS = 3_000_000
_DOCUMENTS = 300_000
_REPETITIONS = 3
_SESSIONS = (1, 2, 4)


@dataclass(frozen=True, slots=True)
class Case:
    """A job, whose result is a table of the target."""

    name: str
    table: str
    connections: Mapping[str, PlanConnection]

    def plan(self, sessions: int) -> Plan:
        if self.table == "lines":
            read = {"table": "lineitem", "sessions": sessions}
            return lineitem.job(self.connections, target="target", **read)
        return _counting(self.connections, sessions)


def measure(size: float = 1) -> Iterator[Result]:
    yield Result("machine", "processors", len(os.sched_getaffinity(0)), "")
    with running_plans() as runner, running_server() as server:
        lineitem.make_source(server, int(_ROWS * size))
        _make_documents(server, int(_DOCUMENTS * size))
        near = {name: server.connection(name) for name in ("source", "target")}
        with far_from(server.cluster.port) as port:
            options = {**near["source"].options, "port": port}
            far = {**near, "source": near["source"].model_copy(update={"options": options})}
            for case in (
                Case("lines", "lines", near),
                Case("far", "lines", far),
                Case("documents", "words", near),
            ):
                yield from _results(case.name, _costs(server, runner, case))


def _costs(server: Server, runner: Runner, case: Case) -> dict[int, list[Cost]]:
    costs: dict[int, list[Cost]] = {count: [] for count in _SESSIONS}
    digests = set()
    for _ in range(_REPETITIONS):
        for count, found in costs.items():
            lineitem.make_target(server, "target")
            made = "create table words (word text, n bigint)"
            server.execute("target", "drop table if exists words", made)
            plan = case.plan(count)
            found.append(measured(server, lambda: runner.run(plan)[0]))  # noqa: B023 - called here
            digests.add(lineitem.digest(server, "target", case.table))
    if len(digests) != 1:
        raise RuntimeError("several sessions read other rows than one")
    return costs


def _results(case: str, costs: dict[int, list[Cost]]) -> Iterator[Result]:
    for count, found in costs.items():
        wall, cpu = (
            ratio(found, costs[1], figure) for figure in (lambda c: c.wall, lambda c: c.cpu)
        )
        name = f"{case}, {count} sessions"
        yield Result(name, "wall_s", median(found, lambda c: c.wall), "s", ratio=wall)
        yield Result(name, "cpu_s", median(found, lambda c: c.cpu), "s", ratio=cpu)
        yield Result(name, "peak_rss_mb", max(cost.rss_mb for cost in found), "MB")


def _make_documents(server: Server, rows: int) -> None:
    server.execute(
        "source",
        "create table documents as select 'w' || i % 100 as word, jsonb_build_object("
        "'number', i, 'numbers', (select jsonb_agg(j * i) from generate_series(1, 60) j)) as body "
        f"from generate_series(1, {rows}) i",
        "vacuum (freeze, analyze) documents",
    )


def _counting(connections: Mapping[str, PlanConnection], sessions: int) -> Plan:
    read = {"connection": "source", "table": "documents", "sessions": sessions}
    counted = {"name": "n", "function": "count", "column": "body"}
    steps = (
        _step("read", "database_source", **read),
        _step("count", "aggregate", "read", group_by=["word"], aggregates=[counted]),
        _step("load", "database_target", "count", connection="target", table="words"),
    )
    return Plan(
        workflow_id="benchmark",
        workflow_name="benchmark",
        workflow_version=1,
        steps=steps,
        connections=dict(connections),
    )


def _step(key: str, kind: str, reads: str = "", **config: object) -> Step:
    edges = (Input(port="in", step=reads),) if reads else ()
    return Step(key=key, name=key, kind=kind, config=config, inputs=edges)
