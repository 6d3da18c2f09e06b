"""Aggregates of a group of rows, with types that lose nothing.

DuckDB adds whole numbers up as HUGEINT, which few databases have, and makes averages of
exact numbers floating point. Here sums stay in types that can be written, and averages of
whole numbers and decimals are decimals, rounded half away from zero.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from engine.columns.family import Family, family_of
from engine.expression.term import mismatch, of_column
from engine.issue import Issue
from engine.schema import Column, quote

Function = Literal[
    "sum", "avg", "min", "max", "count", "count_distinct",
    "first", "last", "stddev", "variance", "string_agg",
]  # fmt: skip
#: Those whose result depends on the order of the rows.
ORDERED = frozenset({"first", "last", "string_agg"})
#: Those that keep a value of the column as it is.
_CHOOSING = frozenset({"min", "max", "first", "last"})
#: Families of types whose values are all of one size.
_SIZED = frozenset(Family) - {Family.TEXT, Family.BINARY, Family.NULL, Family.OTHER}
_NUMERIC = frozenset({"sum", "avg", "stddev", "variance"})
#: Digits of whole numbers.
_WHOLE = {
    "TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19, "HUGEINT": 32,
    "UTINYINT": 3, "USMALLINT": 5, "UINTEGER": 10, "UBIGINT": 20, "UHUGEINT": 32,
}  # fmt: skip
_SUM_FITS_BIGINT = 10
#: Digits after the point that an average has beyond those of its column.
_MORE_DIGITS = 6
#: Digits that a decimal may have whose units are a BIGINT.
_SHORT_DIGITS = 18
_DIRECT = {
    "min": "min({})",
    "max": "max({})",
    "count": "count({})",
    "count_distinct": "count(DISTINCT {})",
    "stddev": "stddev_samp({})",
    "variance": "var_samp({})",
}


def aggregate(
    function: Function,
    column: Column | None,
    *,
    rank: str = "",
    separator: str = "",
    condition: str = "",
) -> str:
    """DuckDB's SQL for ``function`` of a ``column`` (None counts rows).

    ``rank`` is the SQL of a value that orders the rows of a group, for those in ``ORDERED``;
    ``condition``, of one that rows must meet to be taken in.
    """
    only = f" FILTER (WHERE {condition})" if condition else ""
    value = quote(column.name) if column else "*"
    type_ = column.type if column else ""
    match function:
        case "sum":
            return f"CAST(sum({value}){only} AS {sum_type(type_)})"
        case "avg":
            return _average(value, type_, only)
        case "first":
            return f"arg_min_null({value}, {rank}){only}"
        case "last":
            return f"arg_max_null({value}, {rank}){only}"
        case "string_agg":
            between = "'" + separator.replace("'", "''") + "'"
            return f"string_agg({value}, {between} ORDER BY {rank}){only}"
        case _:
            return _DIRECT[function].format(value) + only


def check_aggregate(function: Function, column: Column) -> Iterator[Issue]:
    """A finding when ``function`` is not of values like those of ``column``."""
    wanted = {"string_agg": Family.TEXT}.get(function)
    wanted = Family.NUMBER if function in _NUMERIC else wanted
    family = family_of(column.type)
    if wanted and family is not wanted and not family.is_unknown:
        named = "numbers" if wanted is Family.NUMBER else "text"
        yield mismatch(f"'{function}'", named, of_column(column), hint="cast it in a node before")


def is_held(function: Function, column: Column, *, is_ranked: bool = False) -> bool:
    """Whether DuckDB holds in memory what all groups have of ``function``.

    It writes groups to disk when memory runs out, but not what a value of theirs refers to.
    ``is_ranked`` says that rows are ranked by columns, not by their arrival.
    """
    if function in ORDERED and is_ranked:
        return True
    is_sized = family_of(column.type) in _SIZED
    return function == "string_agg" or (function in _CHOOSING and not is_sized)


def sum_type(type_: str) -> str:
    """The type of a sum: wide enough, exact where its column is; fails beyond, never wraps."""
    digits, scale = _digits(type_)
    if digits is None:
        return "DOUBLE"
    if not type_.startswith("DECIMAL") and digits <= _SUM_FITS_BIGINT:
        return "BIGINT"
    return f"DECIMAL(38,{scale})"


def _average(value: str, type_: str, only: str) -> str:
    """The average in whole units of its last digit; DuckDB itself divides as floating point."""
    digits, scale = _digits(type_)
    if digits is None:
        return f"avg({value}){only}"
    places = min(scale + _MORE_DIGITS, 38 - (digits - scale))
    total, count = f"sum({value}){only}", f"count({value}){only}"
    units = f"CAST(replace(CAST({total} AS VARCHAR), '.', '') AS HUGEINT)"
    more = 10 ** (places - scale)
    found = _divided(units, count, more)
    if scale <= _SHORT_DIGITS:
        # HUGEINT is divided bit by bit and comes through text, so only where it must.
        fitting = f"TRY_CAST({total} AS DECIMAL({_SHORT_DIGITS},{scale}))"
        short = f"CAST(CAST({fitting} AS DECIMAL(38,{scale})) * {10**scale} AS BIGINT)"
        quick = _divided(short, count, more)
        found = f"CASE WHEN {short} IS NULL THEN {found} ELSE {quick} END"
    if not places:
        return f"CAST({found} AS DECIMAL(38,0))"
    unit = f"CAST('0.{'1':0>{places}}' AS DECIMAL({places},{places}))"
    return f"CAST({found} AS DECIMAL({38 - places},0)) * {unit}"


def _divided(units: str, count: str, more: int) -> str:
    """``units`` * ``more`` / ``count``, rounded half away from zero."""
    rest = f"{units} % {count} * {more}"
    rounded = f"(2 * ({rest}) + sign({units}) * {count}) // (2 * {count})"
    return f"CAST({units} // {count} AS HUGEINT) * {more} + {rounded}"


def _digits(type_: str) -> tuple[int | None, int]:
    """Digits of an exact number and those after its point; (None, 0) of any other."""
    if match := re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", type_):
        return int(match[1]), int(match[2])
    return _WHOLE.get(type_), 0
