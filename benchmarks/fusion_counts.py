"""What it costs to count the rows of every node of a fused query.

``counted``   a filter, two expressions, a selection and a filter, as a run fuses them
``uncounted`` the same query without the limits that count, free to be optimized as a whole

Both read the same rows in memory with the settings of a run, in turns; CPU of the process, the
least of all turns. The sums of the rows must be equal.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator

from benchmarks.result import Result
from engine.columns.binding import bind
from engine.plan import Input, Step
from engine.registry import kinds
from engine.sandbox import Sandbox
from engine.schema import Schema
from engine.stages.fusion import BARRIER, fuse

_ROWS = 5_000_000
_TURNS = 7
_TARGET_RATIO = 1.25
_NODES = (
    ("filter", {"condition": "id % 10 > 0"}),
    ("expression", {"columns": [{"name": "gross", "expression": "net * 1.19"}]}),
    ("expression", {"columns": [{"name": "label", "expression": "word || '-' || id"}]}),
    ("select", {"columns": [{"name": "id"}, {"name": "gross"}, {"name": "label"}]}),
    ("filter", {"condition": "gross > 100"}),
)


def measure(size: float = 1) -> Iterator[Result]:
    sandbox = Sandbox(memory_limit_mb=2048, sessions=1)
    try:
        sandbox.database.execute(
            "CREATE TABLE rows AS SELECT i AS id, CAST(i % 100000 AS DECIMAL(12,2)) AS net, "
            f"'word ' || i % 1000 AS word FROM range({int(_ROWS * size)}) r(i)"
        )
        counted = f"SELECT count(*), sum(gross), sum(length(label)) FROM ({_fused()})"
        queries = {"counted": counted, "uncounted": counted.replace(f" LIMIT {BARRIER}", "")}
        cpu: dict[str, list[float]] = {case: [] for case in queries}
        for _ in range(_TURNS):
            found = set()
            for case, query in queries.items():
                before = _cpu()
                found.add(str(sandbox.sessions[0].connection.execute(query).fetchall()))
                cpu[case].append(_cpu() - before)
            if len(found) > 1:
                raise RuntimeError("the rows differ")
    finally:
        sandbox.close()
    least = {case: min(values) for case, values in cpu.items()}
    ratio = least["counted"] / least["uncounted"]
    yield Result("uncounted", "cpu_s", least["uncounted"], "s")
    yield Result("counted", "cpu_s", least["counted"], "s")
    yield Result.at_most("counted", "cpu_ratio", ratio, "x", _TARGET_RATIO)


def _fused() -> str:
    schema = Schema.of([("id", "BIGINT"), ("net", "DECIMAL(12,2)"), ("word", "VARCHAR")])
    steps = []
    for number, (kind, config) in enumerate(_NODES):
        edge = Input(port="in", step=f"n{number - 1}" if number else "rows")
        steps.append(Step(key=f"n{number}", name="", kind=kind, config=config, inputs=(edge,)))
    bound = bind(steps, {"rows": schema}, kinds(), {}, {})
    return fuse(steps, bound.sql, {"rows": "rows", **{step.key: step.key for step in steps}})


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
