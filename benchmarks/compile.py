"""Compile: a definition to issues and a plan, with types at every node.

Against the targets of one second for 1,000 nodes. The tables' columns are given, as they
are when the catalog's cache is warm; each repetition compiles another definition, so that no
cache of ours helps.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence

from benchmarks.graphs import chain
from benchmarks.result import Result
from engine.registry import kinds
from engine.schema import Column, Schema
from engine.transfer import Extraction, TableName
from workflows.compile import Compilation, ConnectionFacts, compile_workflow
from workflows.definition import Definition

_COLUMNS = (
    Column("id", "BIGINT", "bigint"),
    Column("amount", "DECIMAL(12,2)", "numeric(12,2)"),
    Column("name", "VARCHAR", "character varying(80)"),
)
_TARGETS_MS = {10: 100, 100: 250, 1000: 1000}
_REPETITIONS = {10: 20, 100: 10, 1000: 5}


class _KnownTables:
    """A catalog whose every table has the same three columns."""

    def columns(self, connection: str, extraction: Extraction) -> Schema:
        return Schema(_COLUMNS)

    def target_columns(self, connection: str, table: TableName) -> Sequence[Column]:
        return _COLUMNS


def measure() -> Iterator[Result]:
    compiled(chain(10, connection="db", salt=999))
    for size, repetitions in _REPETITIONS.items():
        times, cpu = zip(
            *(
                _milliseconds(chain(size, connection="db", salt=100 + 7 * number))
                for number in range(repetitions)
            ),
            strict=True,
        )
        case = f"{size} nodes"
        yield Result.at_most(case, "median_ms", statistics.median(times), "ms", _TARGETS_MS[size])
        yield Result(case, "cpu_ms", statistics.median(cpu), "ms")


def _milliseconds(definition: Definition) -> tuple[float, float]:
    """On the clock, and of the processor, which a busy machine changes less."""
    started, cpu = time.perf_counter(), time.process_time()
    compiled(definition)
    return (time.perf_counter() - started) * 1000, (time.process_time() - cpu) * 1000


def compiled(definition: Definition) -> Compilation:
    """Against tables that are known."""
    compilation = compile_workflow(
        definition,
        workflow_id="00000000-0000-0000-0000-000000000000",
        version=1,
        connections={"db": ConnectionFacts(connector="postgresql", options={})},
        catalog=_KnownTables(),
        kinds=kinds(),
    )
    if compilation.plan is None:
        raise RuntimeError(f"the chain does not compile: {compilation.issues[0]}")
    return compilation
