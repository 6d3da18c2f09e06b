"""Extract, filter, two expressions, rename, load: from one database of a server into another.

``psql_pipe``   the same job in SQL, ``psql COPY … TO STDOUT`` into ``psql COPY … FROM STDIN``,
                both binary, between the same two databases
``flowadmin``   a plan of five nodes, run by the engine as a worker runs it

One after the other, several times; the rows must be equal. ``cpu_s`` is of client and server.
``growth_mb`` is what the peak of memory grows by from a quarter of the rows to three times as many.
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
#: How many times as many rows a large run has.
_FACTOR = 3
_CPU_RATIO, _WALL_RATIO, _RSS_MB, _GROWTH_MB = 1.25, 1.2, 110, 5


def measure(size: float = 1) -> Iterator[Result]:
    rows = int(_ROWS * size)
    with running_plans() as runner, running_server() as server:
        lineitem.make_source(server, rows)
        pipe, ours = [], []
        for _ in range(_REPETITIONS):
            pipe.append(_loaded(server, lambda: psql_pipe(server, "target")))
            expected = lineitem.digest(server, "target")
            ours.append(_loaded(server, lambda: _flowadmin(server, runner, table="lineitem")))
            if lineitem.digest(server, "target") != expected:
                raise RuntimeError("the rows differ from those of the pipe")
        yield from _results(pipe, ours)
        growth = _growth(server, runner, rows)
        yield Result.at_most("flowadmin", "growth_mb", growth, "MB", _GROWTH_MB)


def _results(pipe: list[Cost], ours: list[Cost]) -> Iterator[Result]:
    yield Result("psql_pipe", "wall_s", median(pipe, lambda c: c.wall), "s")
    yield Result("psql_pipe", "cpu_s", median(pipe, lambda c: c.cpu), "s")
    yield Result("flowadmin", "wall_s", median(ours, lambda c: c.wall), "s")
    yield Result("flowadmin", "cpu_s", median(ours, lambda c: c.cpu), "s")
    yield Result("flowadmin", "client_cpu_s", median(ours, lambda c: c.client_cpu), "s")
    cpu, wall = ratio(ours, pipe, lambda c: c.cpu), ratio(ours, pipe, lambda c: c.wall)
    yield Result.at_most("flowadmin", "cpu_ratio", cpu, "x", _CPU_RATIO)
    yield Result.at_most("flowadmin", "wall_ratio", wall, "x", _WALL_RATIO)
    rss = max(cost.rss_mb for cost in ours)
    yield Result.at_most("flowadmin", "peak_rss_mb", rss, "MB", _RSS_MB)


def _flowadmin(server: Server, runner: Runner, **origin: str) -> Client:
    connections = {name: server.connection(name) for name in ("source", "target")}
    used, counted = runner.run(lineitem.job(connections, target="target", **origin))
    if None in counted.values() or counted["load"] != counted["discounted"]:
        raise RuntimeError(f"rows were not counted: {counted}")
    return used


def _loaded(server: Server, work: Callable[[], Client]) -> Cost:
    lineitem.make_target(server, "target")
    return measured(server, work)


def _growth(server: Server, runner: Runner, rows: int) -> float:
    """MB between the peaks of a small and a large run."""
    few = f"select * from lineitem limit {rows // 4}"
    many = f"select lineitem.* from lineitem, generate_series(1, {_FACTOR})"
    peaks = []
    for sql in (few, many):
        lineitem.make_target(server, "target")
        peaks.append(_flowadmin(server, runner, sql=sql).rss_mb)
    return max(peaks[1] - peaks[0], 0.0)
