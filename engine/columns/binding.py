"""Types a whole graph without a row: every node is described over inputs that have none.

DuckDB's binder says what each node yields and what it refuses; the kinds' own checks add what
DuckDB would convert silently. An error stops neither: whatever can still be typed is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

import duckdb

from engine.columns.projection import duplicates
from engine.errors import ExpressionError
from engine.issue import Issue, Severity
from engine.kind import OUTPUT, AnyKind, Context, NodeConfig, Source, Target, Transform
from engine.plan import Step
from engine.schema import Column, Schema, quote

#: An input port and the (name, type) of each of its columns.
_Port = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(slots=True)
class Bound:
    """What binding found.

    ``schemas`` holds each step's output, or None where it is not known. ``sql`` holds each
    transform's SELECT over relations named like its ports.
    """

    schemas: dict[str, Schema | None] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)
    sql: dict[str, str] = field(default_factory=dict)


def bind(
    steps: Sequence[Step],
    source_schemas: Mapping[str, Schema | None],
    kinds: Mapping[str, AnyKind],
    parameters: Mapping[str, Any],
    target_columns: Mapping[str, Sequence[Column] | None],
) -> Bound:
    """Type ``steps`` (in topological order, with configs that passed their kind's Config).

    ``source_schemas`` gives what sources yield, and any step read here but not in ``steps``;
    ``target_columns`` what targets can take; none for a table that is not there and that the
    load makes. What is None or missing is not known: nothing
    that depends on it is typed or complained about.
    """
    bound = Bound()
    context = Context(parameters)
    for step in steps:
        kind = kinds[step.kind]
        config: NodeConfig = kind.Config.model_validate(step.config)
        inputs = {
            edge.port: bound.schemas.get(edge.step, source_schemas.get(edge.step))
            for edge in step.inputs
        }
        ports = kind.input_ports(config)
        known = {port: schema for port in ports if (schema := inputs.get(port)) is not None}
        issues: Iterable[Issue] = ()
        bound.schemas[step.key] = None
        if isinstance(kind, Source):
            bound.schemas[step.key] = schema = source_schemas.get(step.key)
            issues = kind.check(config, schema, context) if schema else ()
        elif len(known) == len(ports) and isinstance(kind, Transform):
            node = _Node(kind, config, known, context)
            issues = node.bind()
            bound.schemas[step.key] = node.schema
            if node.sql:
                bound.sql[step.key] = node.sql
        elif len(known) == len(ports) and isinstance(kind, Target):
            table = target_columns.get(step.key)
            if table is not None:
                rows = known["in"]
                issues = kind.check(config, rows, table or kind.created(config, rows))
        bound.issues.extend(issue.at(step.key) for issue in issues)
    return bound


@dataclass(slots=True)
class _Node:
    """One transform with the columns of its inputs."""

    kind: Transform[Any]
    config: NodeConfig
    inputs: Mapping[str, Schema]
    context: Context
    sql: str = ""
    schema: Schema | None = None

    def bind(self) -> list[Issue]:
        """Fill in ``sql`` and ``schema`` as far as possible, and return the findings."""
        issues = list(self.kind.check(self.config, self.inputs, self.context))
        has_error = any(issue.severity is Severity.ERROR for issue in issues)
        try:
            self.sql = self.kind.sql(self.config, self.inputs, self.context)
            self.schema = self._describe(self.sql)
            for probe in self.kind.probes(self.config, {"in": self.schema}, self.context):
                _describe(probe.sql, (_port("in", self.schema),))
        except ExpressionError as error:
            finding = Issue(code=error.finding, message=error.message)
        except duckdb.Error as error:
            finding = Issue(code="type_mismatch", message=_cleaned(error), field=self._culprit())
        else:
            return issues if has_error else [*issues, *self._doubled(self.schema)]
        # What the kind itself found is the cause, in better words.
        return issues if has_error else [*issues, finding]

    def _describe(self, sql: str) -> Schema:
        ports = tuple(_port(name, schema) for name, schema in self.inputs.items())
        found = _describe(sql, ports)
        # To whom a row goes is between the node and its readers, and no column of theirs.
        return Schema(tuple(column for column in found if column.name != OUTPUT))

    def _doubled(self, schema: Schema) -> Iterable[Issue]:
        """Names that two columns have: DuckDB would rename one of them."""
        for issue in duplicates(schema.names, "{}"):
            yield issue.model_copy(update={"field": self._culprit()})

    def _culprit(self) -> str:
        """The field to blame: the first of ``columns`` that fails alone, ``sql``, or the only."""
        for index, column in enumerate(getattr(self.config, "columns", ())):
            alone = self.config.model_copy(update={"columns": [column]})
            try:
                self._describe(self.kind.sql(alone, self.inputs, self.context))
            except duckdb.Error:
                return f"columns.{index}"
        fields = list(type(self.config).model_fields)
        return "sql" if "sql" in fields else fields[0] if len(fields) == 1 else ""


def types_of(values: Sequence[str], rows: Schema) -> list[str]:
    """The types of SQL values over ``rows``. Raises ``duckdb.Error`` for what has none."""
    items = ", ".join(f"{value} AS c{index}" for index, value in enumerate(values))
    return [column.type for column in _describe(f'SELECT {items} FROM "in"', (_port("in", rows),))]


def _port(name: str, schema: Schema) -> _Port:
    return name, tuple((column.name, column.type) for column in schema)


@lru_cache(maxsize=8192)
def _describe(sql: str, ports: tuple[_Port, ...]) -> Schema:
    """The columns of ``sql`` over empty relations called like ``ports``; nothing is executed."""
    relations = ", ".join(f"{quote(port)} AS ({_empty(columns)})" for port, columns in ports)
    if relations:
        # What the SQL defines itself joins what it is given.
        given = f"WITH {relations}"
        sql = f"{given}, {sql[5:]}" if sql.startswith("WITH ") else f"{given} {sql}"
    relation = _session().cursor().sql(sql)
    return Schema.of(zip(relation.columns, map(str, relation.types), strict=True))


def _empty(columns: Iterable[tuple[str, str]]) -> str:
    items = ", ".join(f"CAST(NULL AS {type_}) AS {quote(name)}" for name, type_ in columns)
    return f"SELECT {items} LIMIT 0"


@cache
def _session() -> duckdb.DuckDBPyConnection:
    """One locked-down database without tables; it keeps no threads, so a fork is harmless."""
    return duckdb.connect(
        config={
            "threads": "1",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
            "enable_external_access": "false",
            "lock_configuration": "true",
        }
    )


def _cleaned(error: duckdb.Error) -> str:
    """DuckDB's message without its class and without the line of SQL it points into."""
    text = re.split(r"\n+LINE \d+:", str(error))[0]
    text = re.sub(r"^[A-Z][A-Za-z ]*Error: ", "", text)
    return " ".join(text[:1].lower() + line.strip() for line in [text[1:]]).strip().rstrip(".")
