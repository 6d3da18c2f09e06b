"""Lineage: the columns that each column of a workflow is made of, found out after registration.

Each repetition traces another chain, so that no cache of ours helps. The target is a choice of
ours: it is done in the background, between the registrations of other workflows.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from benchmarks.compile import compiled
from benchmarks.graphs import chain
from benchmarks.result import Result
from engine.columns.lineage import lineage
from engine.registry import kinds
from workflows.compile import Compilation

_TARGETS_MS = {10: 100, 100: 500, 1000: 5000}
_REPETITIONS = {10: 20, 100: 10, 1000: 3}


def measure() -> Iterator[Result]:
    _milliseconds(compiled(chain(10, connection="db", salt=999)))
    for size, repetitions in _REPETITIONS.items():
        times = [
            _milliseconds(compiled(chain(size, connection="db", salt=100 + 7 * number)))
            for number in range(repetitions)
        ]
        case = f"{size} nodes"
        yield Result.at_most(case, "median_ms", statistics.median(times), "ms", _TARGETS_MS[size])


def _milliseconds(compilation: Compilation) -> float:
    started = time.perf_counter()
    lineage(
        compilation.steps,
        compilation.sql,
        compilation.schemas,
        compilation.tables,
        kinds(),
    )
    return (time.perf_counter() - started) * 1000
