"""One query for a whole stage, and how to read each node's rows and time from its profile.

Every node is a CTE that ends in a limit no table reaches. DuckDB streams rows through such
a limit but moves no filter or projection across it, so the limits in the profile form the
same tree as the nodes, and each has counted its node's rows.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.kind import OUTPUT
from engine.plan import Input, Step
from engine.schema import quote

if TYPE_CHECKING:
    import duckdb

#: One less than the largest BIGINT, which DuckDB takes as "no limit".
BARRIER = 9223372036854775806

Operator = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows a node put out, and the seconds its own operators worked (over all threads)."""

    rows: int
    seconds: float
    #: By the database that the rows never left.
    is_inside: bool = False


def fuse(
    steps: Sequence[Step],
    sql: Mapping[str, str],
    names: Mapping[str, str],
    last: Input | None = None,
    sorted_: Collection[str] = (),
) -> str:
    """The rows that arrive at ``last`` (or leave the last of ``steps``) as one SELECT.

    ``sql`` is each step's SELECT over relations named like its ports; ``names`` gives each
    step, and each step kept before, a name that is safe whatever its key. Rows of those kept
    steps that are in ``sorted_`` are read in the order in which they were kept.
    """
    nodes = ",\n".join(_node(step, sql[step.key], names, sorted_) for step in steps)
    final = (
        rows_of(last, names, sorted_) if last else f"SELECT * FROM {quote(names[steps[-1].key])}"
    )
    return f"WITH {nodes}\n{final}" if nodes else final


def limited(sql: str, most: int) -> str:
    """The first ``most`` rows of a SELECT, whichever they are."""
    return f"SELECT * FROM ({sql}\n) LIMIT {most}"


def rows_of(edge: Input, names: Mapping[str, str], sorted_: Collection[str] = ()) -> str:
    """The rows that an input gets of the step it reads."""
    name, order = quote(names[edge.step]), " ORDER BY rowid" if edge.step in sorted_ else ""
    if edge.output == "out":
        return f"SELECT * FROM {name}{order}"
    port = edge.output.replace("'", "''")
    mine = f"{quote(OUTPUT)} = '{port}'"
    return f"SELECT * EXCLUDE ({quote(OUTPUT)}) FROM {name} WHERE {mine}{order}"


def _node(step: Step, sql: str, names: Mapping[str, str], sorted_: Collection[str]) -> str:
    ports = ", ".join(
        f"{quote(edge.port)} AS NOT MATERIALIZED ({rows_of(edge, names, sorted_)})"
        for edge in step.inputs
    )
    body = f"SELECT * FROM ({sql}\n) LIMIT {BARRIER}"
    if not step.inputs:
        # DuckDB lets a database apply the limit next to its scan, so a scan needs a second one.
        body = f"SELECT * FROM ({body}) LIMIT {BARRIER}"
    name = quote(names[step.key])
    return f"{name} AS NOT MATERIALIZED ({f'WITH {ports} ' if ports else ''}{body})"


def profiled(session: duckdb.DuckDBPyConnection, steps: Sequence[Step]) -> dict[str, Counted]:
    """Rows and time of each of ``steps`` in the query that ``session`` ran last."""
    return read_profile(session.get_profiling_information(format="json"), steps)


def read_profile(profile: str, steps: Sequence[Step]) -> dict[str, Counted]:
    """Counts of the ``steps`` of a fused query, from DuckDB's JSON profile of it.

    A node above which a condition can never be true is not run at all, and counts 0 rows.
    Where the profile has another shape than the nodes, what is below has no count.
    """
    if not steps:
        return {}
    by_key = {step.key: step for step in steps}
    counted: dict[str, Counted] = {}

    def visit(barrier: Operator, key: str) -> None:
        seconds, below = _segment(barrier)
        inputs = [edge.step for edge in by_key[key].inputs if edge.step in by_key]
        if not inputs:
            seconds = _total(barrier)
        counted[key] = Counted(int(barrier["operator_cardinality"]), seconds)
        if len(below) >= len(inputs):
            # More there are where a node's own SQL has a limit; its inputs come before those.
            for operator, source in zip(below, inputs, strict=False):
                visit(operator, source)
        elif _was_left_out(barrier):
            counted.update(dict.fromkeys(_upstream(inputs, by_key), Counted(0, 0.0)))

    for barrier in _barriers(json.loads(profile)):
        visit(barrier, steps[-1].key)
    return counted


def _segment(barrier: Operator) -> tuple[float, list[Operator]]:
    """Seconds that a barrier and the operators under it worked, down to the next barriers."""
    seconds = float(barrier["operator_timing"])
    below: list[Operator] = []
    for child in barrier["children"]:
        if _is_barrier(child):
            below.append(child)
        else:
            more, further = _segment(child)
            seconds += more
            below += further
    return seconds, below


def _was_left_out(operator: Operator) -> bool:
    """Whether DuckDB put nothing in the place of what feeds an operator."""
    return any(
        child.get("operator_name") == "EMPTY_RESULT" or _was_left_out(child)
        for child in operator["children"]
    )


def _upstream(keys: Iterable[str], by_key: Mapping[str, Step]) -> Iterator[str]:
    """The steps called ``keys``, and all that they read."""
    for key in keys:
        yield key
        yield from _upstream([e.step for e in by_key[key].inputs if e.step in by_key], by_key)


def _total(operator: Operator) -> float:
    """Seconds that an operator and all under it worked."""
    below = sum(_total(child) for child in operator["children"])
    return float(operator["operator_timing"]) + below


def _barriers(operator: Operator) -> list[Operator]:
    """The topmost barriers at or below ``operator``."""
    if _is_barrier(operator):
        return [operator]
    return [found for child in operator["children"] for found in _barriers(child)]


def _is_barrier(operator: Operator) -> bool:
    return operator.get("operator_name") in {"STREAMING_LIMIT", "LIMIT"}
