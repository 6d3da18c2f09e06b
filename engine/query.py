"""One SELECT of a user's over named inputs: parsed, checked part by part, written anew.

What is not listed here cannot get through: no table functions, files, catalogs, settings
or statements other than SELECT. Names after FROM are inputs, or defined by WITH where they
are used; DuckDB would look for all others among its own views and everybody's tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from engine.errors import ExpressionError
from engine.expression import FUNCTIONS
from engine.expression.constants import constant
from engine.expression.pattern import like
from engine.expression.syntax import parse
from engine.expression.types import type_of
from engine.suggestion import unknown

#: Functions of a group of rows or of a window, by DuckDB's names.
AGGREGATES = frozenset((
    "any_value", "arg_max", "arg_min", "avg", "bool_and", "bool_or", "count", "first", "last",
    "max", "median", "min", "stddev", "stddev_pop", "stddev_samp", "string_agg", "sum",
    "var_pop", "var_samp", "variance",
))  # fmt: skip
WINDOWS = frozenset((
    "cume_dist", "dense_rank", "first_value", "lag", "last_value", "lead", "nth_value", "ntile",
    "percent_rank", "rank", "row_number",
))  # fmt: skip
#: Memory limits do not bind what these make; an expression node bounds it.
_UNBOUNDED = frozenset({"repeat", "lpad", "rpad"})
_SCALARS = {name: f for name, f in FUNCTIONS.items() if name not in _UNBOUNDED}
_QUERIES = (exp.Select, exp.Union, exp.Intersect, exp.Except)
_ALLOWED = (
    *_QUERIES, exp.With, exp.CTE, exp.Subquery, exp.From, exp.Join, exp.Where, exp.Group,
    exp.Having, exp.Qualify, exp.Order, exp.Ordered, exp.Limit, exp.Offset, exp.Distinct,
    exp.Column, exp.Identifier, exp.Star, exp.Alias, exp.TableAlias, exp.Table, exp.Literal,
    exp.Boolean, exp.Null, exp.Paren, exp.Anonymous, exp.Cast, exp.TryCast, exp.DataType,
    exp.DataTypeParam, exp.Case, exp.If, exp.In, exp.Between, exp.Is, exp.Like, exp.ILike,
    exp.Escape, exp.Not, exp.Neg, exp.And, exp.Or, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT,
    exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv,
    exp.Mod, exp.DPipe, exp.Extract, exp.Interval, exp.Var, exp.Window, exp.WindowSpec,
    exp.Filter, exp.IgnoreNulls, exp.Exists, exp.CurrentDate, exp.CurrentTimestamp,
    exp.Placeholder, exp.Rollup, exp.Cube, exp.GroupingSets, exp.Tuple,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Query:
    """A SELECT in DuckDB's dialect over relations called like its inputs."""

    sql: str
    #: Inputs in small letters → how often they are read.
    reads: Mapping[str, int]


def read_query(text: str, inputs: Sequence[str], parameters: Mapping[str, Any]) -> Query:
    """Check ``text`` and write it anew.

    Raises ``ExpressionError`` for what does not parse or is not allowed.
    """
    tree = parse(text).copy()
    if not isinstance(tree, _QUERIES):
        raise _refused("one SELECT is expected")
    for node in tree.walk():
        _check(node)
    tables = list(_tables(tree, frozenset(name.casefold() for name in inputs), frozenset()))
    reads = Counter(table.name.casefold() for table in tables)
    is_streamed = len(tables) == len(inputs) == 1 and not tree.find(exp.Limit, exp.Offset)
    if not is_streamed:
        _keep(tree, tables, inputs)
    return Query(_rewritten(tree, parameters), reads)


def _keep(tree: exp.Expr, tables: Sequence[exp.Table], inputs: Sequence[str]) -> None:
    """Compute each input once, in order, before the query reads anything of it.

    A query may read its inputs often, in any order, or stop reading early; their rows could
    not be counted then.
    """
    names = {name.casefold(): f"rows of {name}" for name in inputs}
    for table in tables:
        table.set("alias", table.args.get("alias") or exp.TableAlias(this=table.this.copy()))
        table.set("this", exp.to_identifier(names[table.name.casefold()]))
    kept = [
        exp.CTE(
            this=exp.select("*").from_(exp.to_identifier(name, quoted=True)),
            alias=exp.TableAlias(this=exp.to_identifier(names[name.casefold()])),
            materialized=True,
        )
        for name in inputs
    ]
    own = tree.args.get("with_")
    tree.set("with_", exp.With(expressions=[*kept, *(own.expressions if own else ())]))


def _rewritten(tree: exp.Expr, parameters: Mapping[str, Any]) -> str:
    """The SQL of a tree, parts before what holds them, so that each finds its own parts done."""
    for node in reversed(list(tree.dfs())):
        rule = _RULES.get(type(node))
        if rule and (written := rule(node, parameters)):
            node.replace(exp.Var(this=written))
    return _written(tree)


def _check(node: exp.Expr) -> None:
    if not isinstance(node, _ALLOWED):
        raise _refused(f"'{node.key}' cannot be used here")
    if isinstance(node, exp.With) and node.args.get("recursive"):
        raise _refused("'with recursive' cannot be used here")
    if isinstance(node, exp.Column) and node.args.get("db"):
        raise _refused(f"'{node.sql()}' has too many parts; write input.column")
    if isinstance(node, exp.Table) and not _is_plain(node):
        raise _refused(f"'{node.sql(dialect='duckdb')[:80]}' is no name of an input")
    if isinstance(node, exp.Anonymous):
        _check_call(node)


def _is_plain(table: exp.Table) -> bool:
    """Whether a table is a name and nothing else but an alias and joins."""
    given = {part for part, value in table.args.items() if value}
    return isinstance(table.this, exp.Identifier) and given <= {"this", "alias", "joins"}


def _check_call(call: exp.Anonymous) -> None:
    name = str(call.this).casefold()
    function = _SCALARS.get(name)
    if name in _UNBOUNDED:
        raise _refused(f"'{name}' cannot be used here; use an expression node")
    if function is None and name not in AGGREGATES | WINDOWS:
        known = sorted({*_SCALARS, *AGGREGATES, *WINDOWS})
        message = unknown("function", str(call.this), known)
        raise ExpressionError(message, finding="unknown_function")
    if function and not function.takes(len(call.expressions)):
        count = len(call.expressions)
        raise ExpressionError(f"'{name}' got {count} arguments; use {function.signature}")


def _tables(node: exp.Expr, inputs: frozenset[str], defined: frozenset[str]) -> Iterator[exp.Table]:
    """Every reading of an input; ``defined`` are the names of WITH that are in sight.

    Raises ``ExpressionError`` for a name that is neither.
    """
    with_ = node.args.get("with_")
    for cte in with_.expressions if with_ else ():
        yield from _tables(cte.this, inputs, defined)
        name = cte.alias.casefold()
        if name in inputs:
            raise _refused(f"'{cte.alias}' is an input; give the part of WITH another name")
        defined |= {name}
    if isinstance(node, exp.Table):
        name = node.name.casefold()
        if name in inputs:
            yield node
        elif name not in defined:
            message = unknown("input", node.name, sorted(inputs | defined))
            raise ExpressionError(message, finding="unknown_input")
    for part in node.iter_expressions():
        if part is not with_:
            yield from _tables(part, inputs, defined)


def _call(node: exp.Expr, parameters: Mapping[str, Any]) -> str:
    """A scalar function as the expression language spells it; others stay as they are."""
    function = _SCALARS.get(str(node.this).casefold())
    return function.sql([_operand(part) for part in node.expressions]) if function else ""


def _like(node: exp.Expr, parameters: Mapping[str, Any], escape: str = "") -> str:
    pattern = node.expression
    if not isinstance(pattern, exp.Literal) or not pattern.is_string:
        raise _refused("the pattern of 'like' must be a constant; or use starts_with or contains")
    is_caseless = isinstance(node, exp.ILike)
    sql = like(_operand(node.this), pattern.name, escape, is_caseless=is_caseless)
    return f"(NOT {sql})" if node.args.get("negate") else f"({sql})"


def _escape(node: exp.Expr, parameters: Mapping[str, Any]) -> str:
    if not isinstance(node.this, exp.Like | exp.ILike) or len(node.expression.name) != 1:
        raise _refused("'escape' takes one character, after 'like'")
    return _like(node.this, parameters, node.expression.name)


def _unescaped_like(node: exp.Expr, parameters: Mapping[str, Any]) -> str:
    return "" if isinstance(node.parent, exp.Escape) else _like(node, parameters)


def _parameter(node: exp.Expr, parameters: Mapping[str, Any]) -> str:
    if node.name not in parameters:
        message = unknown("parameter", node.name, sorted(parameters))
        raise ExpressionError(message, finding="unknown_parameter")
    return constant(parameters[node.name], f"parameter '{node.name}'").sql


def _type(node: exp.Expr, parameters: Mapping[str, Any]) -> str:
    return type_of(node)


_RULES: dict[type[exp.Expr], Callable[[exp.Expr, Mapping[str, Any]], str]] = {
    exp.Anonymous: _call,
    exp.Like: _unescaped_like,
    exp.ILike: _unescaped_like,
    exp.Escape: _escape,
    exp.Placeholder: _parameter,
    exp.DataType: _type,
}


def _operand(node: exp.Expr) -> str:
    """A part that stands beside operators which may bind tighter than its own."""
    sql = _written(node)
    return sql if isinstance(node, exp.Column | exp.Literal) else f"({sql})"


def _written(node: exp.Expr) -> str:
    return node.sql(dialect="duckdb", identify=True, comments=False)


def _refused(what: str) -> ExpressionError:
    message = f"{what}; an SQL node takes one SELECT over its inputs"
    return ExpressionError(message, finding="expression_forbidden")
