"""The part of a condition that a database decides as DuckDB does, so that fewer rows travel.

Of the terms joined by AND: integer columns compared with integers, and IS [NOT] NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlglot import exp

from engine.schema import Column

_SIGNS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
#: Rows read for one that is wanted, where only DuckDB can tell which meet the filter.
TRIED_PER_ROW = 100
_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT"}


def pushed(condition: exp.Expr, columns: Mapping[str, Column], quote: Callable[[str], str]) -> str:
    """SQL of the safe terms; empty where there are none. ``columns`` by casefolded name."""
    condition = condition.unnest()
    terms = condition.flatten() if isinstance(condition, exp.And) else [condition]
    safe = (_null_test(t, columns, quote) or _comparison(t, columns, quote) for t in terms)
    return " AND ".join(term for term in safe if term)


def _null_test(term: exp.Expr, columns: Mapping[str, Column], quote: Callable[[str], str]) -> str:
    term = term.unnest()
    inner = term.this.unnest() if isinstance(term, exp.Not) else term
    column = _column(inner, columns)
    is_test = isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null)
    if column is None or not is_test:
        return ""
    return f"{quote(column.name)} IS {'' if inner is term else 'NOT '}NULL"


def _comparison(term: exp.Expr, columns: Mapping[str, Column], quote: Callable[[str], str]) -> str:
    term = term.unnest()
    column = _column(term, columns)
    value = term.args.get("expression")
    if column is None or column.type not in _INTEGERS or type(term) not in _SIGNS:
        return ""
    if not isinstance(value, exp.Literal) or not value.is_int:
        return ""
    return f"{quote(column.name)} {_SIGNS[type(term)]} {value.name}"


def _column(term: exp.Expr, columns: Mapping[str, Column]) -> Column | None:
    """The column on the left of ``term``."""
    left = term.args.get("this")
    return columns.get(left.name.casefold()) if isinstance(left, exp.Column) else None
