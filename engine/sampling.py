"""Rows to show of every node of a stage, worked out from few rows before the stage runs.

Inside a stage rows stream from node to node and are gone. One small query works out, with the
same SQL, what the nodes make of the first rows of the sources: exactly what a run puts through
them where nodes look at one row at a time, and an impression where they gather rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from engine.fusion import rows_of
from engine.plan import Input, Step
from engine.sample import Cell, Clipped, Sample, take
from engine.schema import Schema, quote

#: Rows and characters of a cell that are shown of a node, and bytes that it all takes.
MAX_CELL, MAX_BYTES = 200, 16 * 1024
#: Rows that each source reads for it, and that are read of what stages before have kept.
SOURCE_ROWS, KEPT_ROWS = 200, 5_000
#: A source that takes longer to come up with its first rows is left alone.
SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Samples:
    """``rows`` are shown of each node; ``tell`` gets samples by node key, the latest the best."""

    rows: int
    tell: Callable[[Mapping[str, Sample]], None]


_Row = tuple[int, list[Cell], list[int | None]]


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
    parts = " UNION ALL ".join(
        _shown(place, edges[step.key], schemas, names, inside, most)
        for place, step in enumerate(steps)
    )
    rows: list[_Row] = session.execute(f"WITH {nodes} {parts}").fetchall()
    return {
        step.key: _sample(place, rows, schemas[edges[step.key].step], most)
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


def _shown(
    place: int,
    edge: Input,
    schemas: Mapping[str, Schema],
    names: Mapping[str, str],
    inside: Collection[str],
    most: int,
) -> str:
    texts = [f"CAST({quote(name)} AS VARCHAR)" for name in schemas[edge.step].names]
    cells = ", ".join(f"left({text}, {MAX_CELL})" for text in texts)
    lengths = ", ".join(f"length({text})" for text in texts)
    rows = f"SELECT * FROM ({_few(edge, names, inside)}) LIMIT {most + 1}"
    return f"(SELECT {place}, [{cells}], [{lengths}] FROM ({rows}))"


def _sample(place: int, rows: Sequence[_Row], schema: Schema, most: int) -> Sample:
    mine = [row for row in rows if row[0] == place]
    cut = (
        Clipped(row, column, length)
        for row, (_, _, lengths) in enumerate(mine[:most])
        for column, length in enumerate(lengths)
        if length is not None and length > MAX_CELL
    )
    return Sample(
        schema.columns,
        tuple(tuple(cells) for _, cells, _ in mine[:most]),
        clipped=tuple(cut),
        has_more=len(mine) > most,
        is_complete=False,
    ).within(MAX_BYTES)
