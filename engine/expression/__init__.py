"""The expression language: one value from the columns of one row.

SQL's scalar expressions, an allow-list of functions (``FUNCTIONS``), ``CASE``, ``CAST`` and
``$name`` parameters. Columns are matched whatever their case, NULLs follow SQL (three-valued
logic). ``/`` divides as floating point, also integers (``1 / 2`` is 0.5; by zero it gives
infinity); ``//`` and ``%`` are of integers and give NULL by zero. LIKE takes a constant pattern.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.errors import ExpressionError
from engine.expression.functions import FUNCTIONS, Function
from engine.expression.syntax import parse
from engine.expression.term import Term, compare, condition, conversion, of_column
from engine.expression.translation import Translator
from engine.expression.types import SCALAR_TYPES, scalar_type
from engine.issue import Issue
from engine.schema import Column, Schema

__all__ = [
    "FUNCTIONS",
    "SCALAR_TYPES",
    "Function",
    "Translator",
    "cast_column",
    "check",
    "compare_columns",
    "parse",
    "scalar_type",
    "to_sql",
]


def to_sql(text: str, schema: Schema, parameters: Mapping[str, Any]) -> str:
    """``text`` in DuckDB's dialect, over the columns of ``schema``.

    Raises ``ExpressionError`` with the offset of what cannot be used.
    """
    translator, term = _translate(text, schema, parameters)
    if translator.errors:
        raise translator.errors[0]
    return term.sql


def check(
    text: str, schema: Schema, parameters: Mapping[str, Any], *, boolean: bool = False
) -> list[Issue]:
    """Everything wrong with ``text``, also what DuckDB would convert silently.

    ``boolean`` asks for a condition. Issues: ``expression_syntax``, ``expression_forbidden``,
    ``unknown_column``, ``unknown_function``, ``unknown_parameter``, ``unknown_type``,
    ``implicit_cast``, ``impossible_cast``, ``not_boolean``, ``bad_literal``, ``null_comparison``.
    """
    try:
        translator, term = _translate(text, schema, parameters)
    except ExpressionError as error:
        return [_issue(error)]
    found = [*map(_issue, translator.errors), *translator.issues]
    return list(dict.fromkeys((*found, *condition(term)) if boolean else found))


def compare_columns(left: Column, right: Column) -> list[Issue]:
    """Findings when the values of two columns are compared."""
    return list(compare(of_column(left), of_column(right)))


def cast_column(column: Column, type_: str) -> list[Issue]:
    """Findings when a column is cast to a type as users write it."""
    try:
        return list(conversion(of_column(column), scalar_type(type_)))
    except ExpressionError as error:
        return [_issue(error)]


def _translate(text: str, schema: Schema, parameters: Mapping[str, Any]) -> tuple[Translator, Term]:
    translator = Translator(schema, parameters)
    try:
        return translator, translator.term(parse(text))
    except RecursionError as error:
        raise ExpressionError("the expression is nested too deeply; split it up") from error


def _issue(error: ExpressionError) -> Issue:
    return Issue(code=error.finding, message=error.message)
