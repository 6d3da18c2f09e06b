"""Databases and plans for tests of the engine; a test names only what matters to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psycopg

from engine.plan import Input, Plan, PlanConnection, Step

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Databases:
    """A source and a target, known to plans as connections ``source`` and ``target``."""

    source_url: str
    target_url: str

    def empty(self) -> None:
        for url in (self.source_url, self.target_url):
            execute(url, "drop schema if exists public, flowadmin cascade")
            execute(url, "create schema public")

    def in_source(self, *statements: str) -> Rows:
        return execute(self.source_url, *statements)

    def in_target(self, *statements: str) -> Rows:
        return execute(self.target_url, *statements)

    def connections(self) -> dict[str, PlanConnection]:
        return {"source": connection(self.source_url), "target": connection(self.target_url)}


def execute(url: str, *statements: str) -> Rows:
    """Run statements; the rows of the last one."""
    with psycopg.connect(url, autocommit=True) as session:
        for statement in statements:
            cursor = session.execute(statement)
        return cursor.fetchall() if cursor.description else []


def address(url: str) -> dict[str, Any]:
    """The settings of a PostgreSQL connection, password included."""
    parts = urlsplit(url)
    return {
        "host": parts.hostname,
        "port": parts.port,
        "database": parts.path[1:],
        "user": parts.username,
        "password": parts.password or "",
    }


def connection(url: str, **changes: Any) -> PlanConnection:
    """A connection whose password waits in ``sealed``, as ``secrets`` below expects."""
    options = {**address(url), **changes}
    sealed = options.pop("password")
    return PlanConnection(connector="postgresql", options=options, sealed=sealed)


def secrets(connection: PlanConnection) -> Mapping[str, str]:
    return {"password": connection.sealed}


def source(key: str, table: str = "", **config: Any) -> Step:
    config = {"connection": "source", **({"table": table} if table else {}), **config}
    return Step(key=key, name=key, kind="database_source", config=config)


def target(key: str, table: str, reads: str, mode: str = "append", **fields: Any) -> Step:
    config = {"connection": "target", "table": table, "mode": mode, **fields.pop("config", {})}
    edges = (Input(port="in", step=reads),)
    return Step(key=key, name=key, kind="database_target", config=config, inputs=edges, **fields)


def transform(key: str, kind: str, reads: str, **config: Any) -> Step:
    edges = (Input(port="in", step=reads),)
    return Step(key=key, name=key, kind=kind, config=config, inputs=edges)


def join(key: str, left: str, right: str, on: str = "id", type_: str = "inner") -> Step:
    edges = (Input(port="left", step=left), Input(port="right", step=right))
    config = {"type": type_, "on": [{"left": on, "right": on}]}
    return Step(key=key, name=key, kind="join", config=config, inputs=edges)


def plan(
    steps: Sequence[Step], connections: Mapping[str, PlanConnection] | None = None, **fields: Any
) -> Plan:
    return Plan(
        workflow_id="w",
        workflow_name="a workflow",
        workflow_version=1,
        steps=tuple(steps),
        connections=dict(connections or {}),
        **fields,
    )
