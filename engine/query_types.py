"""Values of different types that meet in a SELECT, where DuckDB would convert them silently.

Conditions, comparisons and casts are read as expressions over the inputs that are in sight.
Nothing is claimed of what is not known there, such as columns of subqueries and aggregates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp

from engine.expression import check, compare_columns, parse
from engine.issue import Issue
from engine.schema import Column, Schema

_SILENT = {"implicit_cast", "impossible_cast", "bad_literal", "not_boolean"}
_MEETING = (
    exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.In,
    exp.Between, exp.Cast,
)  # fmt: skip


def check_types(
    text: str, inputs: Mapping[str, Schema], parameters: Mapping[str, Any]
) -> list[Issue]:
    """Findings about one SELECT over ``inputs``, which parses; each once."""
    tree = parse(text)
    found = [
        issue
        for select in tree.find_all(exp.Select)
        for issue in _check_select(select, sight_of(select, inputs), parameters)
    ]
    for union in tree.find_all(exp.Union, exp.Intersect, exp.Except):
        found += _check_sides(union, inputs)
    return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Sight:
    """The inputs that a SELECT reads, by the names they have there, in small letters."""

    tables: Mapping[str, Schema]
    #: Nothing else is read, so a name without a table is one of theirs.
    is_whole: bool

    def find(self, name: str, table: str = "") -> Column | None:
        if not table and not self.is_whole:
            return None
        among = [schema for alias, schema in self.tables.items() if table in ("", alias)]
        found = [column for schema in among if (column := schema.find(name))]
        return found[0] if len(found) == 1 else None


def sight_of(select: exp.Select, inputs: Mapping[str, Schema]) -> Sight:
    known = {name.casefold(): schema for name, schema in inputs.items()}
    from_ = select.args.get("from_")
    read = [from_.this] if from_ else []
    read += [join.this for join in select.args.get("joins") or ()]
    tables = {
        table.alias_or_name.casefold(): known[table.name.casefold()]
        for table in read
        if isinstance(table, exp.Table) and table.name.casefold() in known
    }
    return Sight(tables, len(tables) == len(read))


def _check_select(
    select: exp.Select, sight: Sight, parameters: Mapping[str, Any]
) -> Iterator[Issue]:
    where = select.args.get("where")
    conditions = [where.this] if where else []
    for join in select.args.get("joins") or ():
        conditions += filter(None, [join.args.get("on")])
        for key in join.args.get("using") or ():
            yield from _check_key(key.name, sight)
    for condition in conditions:
        inner = condition.unnest()
        for term in inner.flatten() if isinstance(inner, exp.And) else [inner]:
            yield from _check_part(term, sight, parameters, is_condition=True)
    for projection in select.expressions:
        for part in _own(projection, _MEETING):
            yield from _check_part(part, sight, parameters)


def _check_key(name: str, sight: Sight) -> Iterable[Issue]:
    columns = [column for schema in sight.tables.values() if (column := schema.find(name))]
    return compare_columns(columns[0], columns[1]) if len(columns) == 2 else []


def _check_part(
    part: exp.Expr, sight: Sight, parameters: Mapping[str, Any], *, is_condition: bool = False
) -> Iterator[Issue]:
    """As of an expression whose columns are called as they are written here."""
    part = part.copy()
    columns: dict[str, Column] = {}
    for node in list(part.find_all(exp.Column)):
        found = sight.find(node.name, node.table.casefold())
        if found is None:
            return
        name = f"{node.table}.{node.name}" if node.table else node.name
        columns[name.casefold()] = replace(found, name=name)
        written = exp.column(name, quoted=True)
        part = written if node is part else part
        node.replace(written)
    schema = Schema(tuple(columns.values()))
    text = part.sql(dialect="duckdb", comments=False)
    issues = check(text, schema, parameters, boolean=is_condition)
    yield from (issue for issue in issues if issue.code in _SILENT)


def _own(part: exp.Expr, kinds: tuple[type[exp.Expr], ...]) -> Iterator[exp.Expr]:
    """The outermost of such parts, none of a SELECT within."""
    if isinstance(part, exp.Select | exp.Subquery):
        return
    if isinstance(part, kinds):
        yield part
        return
    for inner in part.iter_expressions():
        yield from _own(inner, kinds)


def _check_sides(union: exp.Expr, inputs: Mapping[str, Schema]) -> Iterator[Issue]:
    if union.args.get("by_name"):
        return
    sides = [_projected(side.unnest(), inputs) for side in (union.this, union.expression)]
    for left, right in zip(*sides, strict=False):
        if left and right:
            yield from compare_columns(left, right)


def _projected(side: exp.Expr, inputs: Mapping[str, Schema]) -> list[Column | None]:
    """What a side yields, as far as that are columns of inputs."""
    if not isinstance(side, exp.Select):
        return []
    sight = sight_of(side, inputs)
    if side.expressions == [exp.Star()]:
        (schema,) = sight.tables.values() if sight.is_whole and len(sight.tables) == 1 else [()]
        return list(schema)
    return [
        sight.find(column.name, column.table.casefold()) if isinstance(column, exp.Column) else None
        for column in (projection.unalias() for projection in side.expressions)
    ]
