"""What a load writes where, and values that a column would change without a word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from engine.errors import LoadRefused
from engine.schema import literal, quote
from engine.suggestion import unknown
from engine.transfer import Load

_MICROSECOND_DIGITS = 6


class Named(Protocol):
    @property
    def name(self) -> str: ...


ColumnT = TypeVar("ColumnT", bound=Named)


def fed(
    found: Sequence[ColumnT], load: Load, types: Mapping[str, str]
) -> list[tuple[ColumnT, str, str]]:
    """The table's columns that ``load`` writes, each with its input column and that one's type.

    ``types`` are DuckDB's, by the input's casefolded names. Raises ``LoadRefused``.
    """
    by_name = {column.name: column for column in found}
    for name in (*load.columns, *load.keys):
        if name not in by_name:
            message = f"table '{load.table}': {unknown('column', name, by_name)}"
            raise LoadRefused(message, code="E_COLUMN_NOT_FOUND")
    if not load.columns:
        raise LoadRefused(f"no column of table '{load.table}' is fed; map at least one")
    return [
        (by_name[name], origin, types[origin.casefold()]) for name, origin in load.columns.items()
    ]


def refusal(column: str, native: str, origin: str, why: str) -> str:
    """DuckDB's expression that raises; the engine knows the error by its code."""
    begin = f"E_LOAD_CONSTRAINT: column '{column}' ({native}) cannot take '"
    end = f"', which {why}; the table is as it was before; cast or round it in a node before"
    value = f"coalesce(left(CAST({quote(origin)} AS VARCHAR), 80), 'NULL')"
    return f"error({literal(begin)} || {value} || {literal(end)})"


def finer(value: str, digits: int) -> str:
    """Whether a moment or time has more digits of a second; empty where none can.

    Of infinity it is NULL.
    """
    step = 10 ** (_MICROSECOND_DIGITS - digits)
    return f"epoch_us({value}) % {step} <> 0" if step > 1 else ""
