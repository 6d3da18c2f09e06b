"""Rows to show of every node of a stage, worked out from few rows before the stage runs.

Inside a stage rows stream from node to node and are gone. One small query works out, with the
same SQL, what the nodes make of the first rows of the sources: exactly what a run puts through
them where nodes look at one row at a time, and an impression where they gather rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from engine.plan import Input, Step
from engine.samples.sample import Clipped, Sample, take
from engine.schema import Schema, quote
from engine.stages.fusion import rows_of

#: Rows and characters of a cell that are shown of a node, and bytes that it all takes.
MAX_CELL, MAX_BYTES = 200, 16 * 1024
#: Rows that each source reads for it, and that are read of what stages before have kept.
SOURCE_ROWS, KEPT_ROWS = 200, 5_000
#: A source that takes longer to come up with its first rows is left alone.
SECONDS = 0.25
#: First rows of a stream are not read for the sample alone: to wait for them costs a run little.
STREAM_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Samples:
    """``rows`` are shown of each node; ``tell`` gets samples by node key, the latest the best."""

    rows: int
    tell: Callable[[Mapping[str, Sample]], None]


#: Cells as text, and their lengths.
_Row = Sequence[Any]


def sample_stage(
    session: duckdb.DuckDBPyConnection,
    steps: Sequence[Step],
    sql: Mapping[str, str],
    schemas: Mapping[str, Schema],
    names: Mapping[str, str],
    most: int,
) -> dict[str, Sample]:
    """Samples by node key. ``sql`` is that of each step but a target, which ends ``steps``."""
    inside = {step.key for step in steps}
    nodes = ", ".join(_node(s, sql[s.key], names, inside) for s in steps if s.key in sql)
    edges = {step.key: _seen(step, sql) for step in steps}
    alike: dict[Schema, list[str]] = {}
    for place, edge in enumerate(edges.values()):
        columns = ", ".join(map(quote, schemas[edge.step].names))
        rows = f"SELECT {place}, {columns} FROM ({_few(edge, names, inside)}) LIMIT {most + 1}"
        alike.setdefault(schemas[edge.step], []).append(f"({rows})")
    parts = " UNION ALL ".join(_shown(schema, rows) for schema, rows in alike.items())
    found: dict[int, list[_Row]] = defaultdict(list)
    for place, *row in session.execute(f"WITH {nodes} {parts}").fetchall():
        found[place].append(row)
    return {
        step.key: _sample(found[place], schemas[edges[step.key].step], most)
        for place, step in enumerate(steps)
    }


def sample_kept(session: duckdb.DuckDBPyConnection, query: str, most: int) -> Sample:
    """The first of the rows that a run has kept."""
    return take(session, query, most, MAX_CELL).within(MAX_BYTES)


def _seen(step: Step, sql: Mapping[str, str]) -> Input:
    """Whose rows are shown for a node: those that leave it, or arrive where none leave."""
    return Input(port="in", step=step.key) if step.key in sql else step.inputs[0]


def _node(step: Step, sql: str, names: Mapping[str, str], inside: Collection[str]) -> str:
    """Computed once, however many nodes read it."""
    ports = ", ".join(
        f"{quote(edge.port)} AS ({_few(edge, names, inside)})" for edge in step.inputs
    )
    body = f"SELECT * FROM ({sql}\n) LIMIT {SOURCE_ROWS}"
    name = quote(names[step.key])
    return f"{name} AS MATERIALIZED ({f'WITH {ports} ' if ports else ''}{body})"


def _few(edge: Input, names: Mapping[str, str], inside: Collection[str]) -> str:
    rows = rows_of(edge, names)
    return rows if edge.step in inside else f"{rows} LIMIT {KEPT_ROWS}"


def _shown(schema: Schema, rows: Sequence[str]) -> str:
    """Cells and their lengths, of nodes whose columns are the same: to say it once for all of
    them halves what it costs to plan the query.
    """
    columns = [f"c{number}" for number in range(len(schema.names))]
    texts = [f"CAST({column} AS VARCHAR)" for column in columns]
    cells = ", ".join(f"left({text}, {MAX_CELL})" for text in texts)
    lengths = ", ".join(f"length({text})" for text in texts)
    every = f"({' UNION ALL '.join(rows)}) AS every({', '.join(('place', *columns))})"
    return f"(SELECT place, [{cells}], [{lengths}] FROM {every})"


def _sample(rows: Sequence[_Row], schema: Schema, most: int) -> Sample:
    cut = (
        Clipped(row, column, length)
        for row, (_, lengths) in enumerate(rows[:most])
        for column, length in enumerate(lengths)
        if length is not None and length > MAX_CELL
    )
    return Sample(
        schema.columns,
        tuple(tuple(cells) for cells, _ in rows[:most]),
        clipped=tuple(cut),
        has_more=len(rows) > most,
        is_complete=False,
    ).within(MAX_BYTES)
