"""Which columns each column of a workflow is made of, node by node.

Of a node, each column's values come from columns of its inputs: that is read from the very SQL
that a run executes. Chains of nodes are composed when somebody asks, so nothing grows with depth.
What only decides which rows there are (a condition, the key of a join) feeds no column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from engine.kind import AnyKind, Function, Target
from engine.plan import Input, Step
from engine.schema import Column, Schema

#: A column of a node: (node key, column).
Place = tuple[str, str]
#: Node → its column → the columns it is made of; for a target, its table's columns.
Lineage = dict[str, dict[str, list[Place]]]

_Ports = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
_Origins = Mapping[str, frozenset[Place]]


def lineage(
    steps: Sequence[Step],
    sql: Mapping[str, str],
    schemas: Mapping[str, Schema | None],
    tables: Mapping[str, Sequence[Column] | None],
    kinds: Mapping[str, AnyKind],
) -> Lineage:
    """Of every step that is typed. ``sql`` and ``schemas`` are those of binding; ``tables`` has
    the columns of each target's table.
    """
    found: Lineage = {}
    for step in steps:
        kind = kinds[step.kind]
        inputs = {e.port: schema for e in step.inputs if (schema := schemas.get(e.step))}
        if isinstance(kind, Target):
            found[step.key] = _written(step, kind, inputs.get("in"), tables.get(step.key))
        elif step.key in sql:
            edges = {edge.port: edge for edge in step.inputs}
            origins = _origins("" if isinstance(kind, Function) else sql[step.key], _ports(inputs))
            found[step.key] = _placed(schemas.get(step.key), origins, edges, inputs)
        elif schema := schemas.get(step.key):
            found[step.key] = {column.name: [] for column in schema}
    return found


def _written(
    step: Step, kind: Target[Any], rows: Schema | None, table: Sequence[Column] | None
) -> dict[str, list[Place]]:
    if rows is None:
        return {}
    config = kind.Config.model_validate(step.config)
    mapping = kind.mapping(config, rows, table or kind.created(config, rows))
    return {into: [(step.inputs[0].step, origin)] for into, origin in mapping.items()}


def _placed(
    schema: Schema | None,
    origins: _Origins,
    edges: Mapping[str, Input],
    inputs: Mapping[str, Schema],
) -> dict[str, list[Place]]:
    """Origins by port, as columns of the nodes behind the ports."""
    placed: dict[str, list[Place]] = {}
    for column in schema or ():
        places = sorted(origins.get(column.name.casefold(), ()))
        placed[column.name] = [
            (edges[port].step, found.name)
            for port, name in places
            if port in inputs and (found := inputs[port].find(name))
        ]
    return placed


def _ports(inputs: Mapping[str, Schema]) -> _Ports:
    return tuple((p, tuple((c.name, c.type) for c in schema)) for p, schema in inputs.items())


@lru_cache(maxsize=8192)
def _origins(sql: str, ports: _Ports) -> _Origins:
    """Column in small letters → (port, column) that its values come from.

    Where there is no SQL that can be followed, every column may come from any of the inputs.
    """
    every = frozenset((port, name) for port, columns in ports for name, _ in columns)
    schema: dict[str, object] = {
        port: {name.casefold(): "varchar" for name, _ in columns} for port, columns in ports
    }
    try:
        tree = qualify(
            parse_one(sql, read="duckdb"),
            schema=schema,
            dialect="duckdb",
            validate_qualify_columns=False,
            quote_identifiers=False,
        )
        scope = build_scope(tree)
        if scope is None:
            return _Unknown(every)
        return _Followed().columns(scope)
    except (SqlglotError, RecursionError, KeyError):
        return _Unknown(every)


class _Unknown(dict[str, frozenset[Place]]):
    """Says of any column that it may come from all of these."""

    def __init__(self, every: frozenset[Place]) -> None:
        super().__init__()
        self._every = every

    def get(self, name: str, default: Any = None) -> frozenset[Place]:
        return self._every


class _Followed:
    """Columns of the scopes of one query; each scope is looked at once."""

    def __init__(self) -> None:
        self._known: dict[int, dict[str, frozenset[Place]]] = {}

    def columns(self, scope: Scope) -> dict[str, frozenset[Place]]:
        if id(scope) not in self._known:
            self._known[id(scope)] = dict(self._columns(scope))
        return self._known[id(scope)]

    def _columns(self, scope: Scope) -> Iterator[tuple[str, frozenset[Place]]]:
        if scope.set_operation_scopes:
            sides = [list(self.columns(side).items()) for side in scope.set_operation_scopes]
            for same in zip(*sides, strict=False):
                yield same[0][0], frozenset().union(*(origins for _, origins in same))
            return
        for item in getattr(scope.expression, "selects", ()):
            origins = (self._origin(column, scope) for column in item.find_all(exp.Column))
            yield item.alias_or_name.casefold(), frozenset().union(*origins)

    def _origin(self, column: exp.Column, scope: Scope) -> frozenset[Place]:
        holder: Scope | None = self._scope_of(column, scope)
        source = holder.sources.get(column.table) if holder else None
        if isinstance(source, Scope):
            return self.columns(source).get(column.name.casefold(), frozenset())
        if isinstance(source, exp.Table):
            return frozenset({(source.name, column.name)})
        return frozenset()

    def _scope_of(self, column: exp.Column, scope: Scope) -> Scope | None:
        """The scope that knows the column's table: the query's own, or that of a subquery."""
        if column.table in scope.sources:
            return scope
        inner = (self._scope_of(column, sub) for sub in scope.subquery_scopes)
        return next((found for found in inner if found), None)
