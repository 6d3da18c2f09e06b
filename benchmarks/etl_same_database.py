"""Extract, filter, two expressions, rename, load: from a table to another of one database.

``psql_pipe``   the job in SQL, from one psql into another, both on that database
``insert``      the job in SQL as one ``INSERT … SELECT``
``flowadmin``   a plan of five nodes, which the engine lets the database do

One after the other, several times; the rows of the first time must be equal. ``cpu_s`` is of
client and server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.etl import lineitem
from benchmarks.etl.cost import Client, Cost, measured, median, ratio
from benchmarks.etl.pipe import psql_pipe
from benchmarks.etl.runner import Runner, running_plans
from benchmarks.etl.server import Server, running_server
from benchmarks.result import Result

_ROWS = 6_000_000
_REPETITIONS = 3
_CPU_RATIO = 0.6


def measure(size: float = 1) -> Iterator[Result]:
    with running_plans() as runner, running_server() as server:
        lineitem.make_source(server, int(_ROWS * size))
        cases: dict[str, Callable[[], Client]] = {
            "psql_pipe": lambda: psql_pipe(server, "source"),
            "insert": lambda: _insert(server),
            "flowadmin": lambda: _flowadmin(server, runner),
        }
        costs: dict[str, list[Cost]] = {case: [] for case in cases}
        digests = set()
        for turn in range(_REPETITIONS):
            for case, work in cases.items():
                lineitem.make_target(server, "source")
                costs[case].append(measured(server, work))
                if not turn:
                    digests.add(lineitem.digest(server, "source"))
            if len(digests) > 1:
                raise RuntimeError("the rows differ from those of the pipe")
    for case, found in costs.items():
        yield Result(case, "wall_s", median(found, lambda c: c.wall), "s")
        yield Result(case, "cpu_s", median(found, lambda c: c.cpu), "s")
    cpu, wall = (
        ratio(costs["flowadmin"], costs["psql_pipe"], figure)
        for figure in (lambda c: c.cpu, lambda c: c.wall)
    )
    yield Result.at_most("flowadmin", "cpu_ratio", cpu, "x", _CPU_RATIO)
    yield Result("flowadmin", "wall_ratio", wall, "x")


def _insert(server: Server) -> Client:
    server.execute("source", f"insert into lines {lineitem.select()}")
    return Client(0.0, 0.0)


def _flowadmin(server: Server, runner: Runner) -> Client:
    connections = {"source": server.connection("source")}
    used, counted = runner.run(lineitem.job(connections, target="source", table="lineitem"))
    if None in counted.values() or counted["load"] != counted["discounted"]:
        raise RuntimeError(f"rows were not counted: {counted}")
    return used
