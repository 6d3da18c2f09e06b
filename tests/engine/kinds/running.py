"""Runs one transform over real rows, as a run of a plan does: bound, fused, in DuckDB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb

from engine.columns.binding import Bound, bind
from engine.issue import Severity
from engine.plan import Input, Step
from engine.registry import kinds
from engine.schema import Schema, quote
from engine.stages.fusion import fuse

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Table:
    """An input: ``columns`` as ``name TYPE, …`` and rows as DuckDB writes them in VALUES."""

    columns: str
    values: str = ""

    @property
    def schema(self) -> Schema:
        return Schema.of(tuple(part.strip().split(" ", 1)) for part in self.columns.split(";"))


def step_of(kind: str, config: dict[str, Any], count: int) -> Step:
    parsed = kinds()[kind].Config.model_validate(config)
    ports = kinds()[kind].input_ports(parsed)[:count]
    edges = tuple(Input(port=port, step=f"input {i}") for i, port in enumerate(ports))
    return Step(key="node", name="node", kind=kind, config=config, inputs=edges)


def bound(kind: str, config: dict[str, Any], *inputs: Table, **parameters: Any) -> Bound:
    known = {f"input {i}": table.schema for i, table in enumerate(inputs)}
    return bind([step_of(kind, config, len(inputs))], known, kinds(), parameters, {})


def issues(kind: str, config: dict[str, Any], *inputs: Table) -> list[tuple[str, str]]:
    return [(issue.code, issue.field) for issue in bound(kind, config, *inputs).issues]


def columns(kind: str, config: dict[str, Any], *inputs: Table) -> list[tuple[str, str]]:
    """Names and types of what the transform yields."""
    schema = bound(kind, config, *inputs).schemas["node"]
    assert schema is not None
    return [(column.name, column.type) for column in schema]


def rows(kind: str, config: dict[str, Any], *inputs: Table, **parameters: Any) -> Rows:
    """The rows a transform makes, in the order they come."""
    found = bound(kind, config, *inputs, **parameters)
    assert [i for i in found.issues if i.severity is Severity.ERROR] == []
    session = duckdb.connect(config={"preserve_insertion_order": False, "threads": 2})
    for index, table in enumerate(inputs):
        fill(session, f"input {index}", table)
    names = {f"input {i}": f"input {i}" for i in range(len(inputs))} | {"node": "node"}
    query = fuse([step_of(kind, config, len(inputs))], found.sql, names)
    return session.execute(query).fetchall()


def fill(session: duckdb.DuckDBPyConnection, name: str, table: Table) -> None:
    columns = ", ".join(f"{quote(column.name)} {column.type}" for column in table.schema)
    session.execute(f"CREATE TABLE {quote(name)} ({columns})")
    if table.values:
        session.execute(f"INSERT INTO {quote(name)} {table.values}")
