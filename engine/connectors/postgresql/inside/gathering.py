"""Aggregates that come out the same in PostgreSQL as in DuckDB, whatever the order of the rows.

Counts; sums of exact numbers that no table is long enough to overflow; the least and the greatest
of what has one order everywhere. Of texts, DuckDB's are made in rounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.columns.aggregation import sum_type
from engine.connectors.postgresql.inside.passing import Passing
from engine.connectors.postgresql.inside.terms import INTEGERS, NotTheSame, decimal_of, native_of
from engine.kinds.aggregate import AggregateConfig, AggregatedColumn

#: Of a decimal whose sums are added up: ten digits are left for the number of rows.
_DIGITS = 28
_ORDERED = {"DATE", "TIMESTAMP"}


def gathered(
    config: AggregateConfig, columns: Sequence[Passing], usable: Mapping[str, str]
) -> tuple[list[Passing], str]:
    """What an aggregate puts out, and its GROUP BY; ``usable`` maps columns that may be used, by
    their names in small letters, to their SQL. Raises ``NotTheSame``.
    """
    by_name = {c.name.casefold(): c for c in columns if c.name.casefold() in usable}
    if not by_name.keys() >= {name.casefold() for name in _named(config)}:
        raise NotTheSame("an aggregate of a type that only passes")
    keys = [_key(by_name[name.casefold()]) for name in config.group_by]
    made = [_made(each, by_name.get(each.column.casefold())) for each in config.aggregates]
    groups = f" GROUP BY {', '.join(key.sql for key in keys)}" if keys else ""
    return [*keys, *made], groups


def _named(config: AggregateConfig) -> list[str]:
    return [*config.group_by, *(made.column for made in config.aggregates if made.column)]


def _key(column: Passing) -> Passing:
    """Texts are one if their bytes are, whatever their collation takes for equal."""
    if column.type != "VARCHAR":
        return column
    return Passing(column.name, f'({column.sql} COLLATE "C")', column.type, column.native)


def _made(made: AggregatedColumn, column: Passing | None) -> Passing:
    if made.function == "count":
        return Passing(made.name, f"count({column.sql if column else '*'})", "BIGINT")
    assert column
    digits = decimal_of(column.type)
    is_exact = column.type in INTEGERS or digits is not None
    if made.function == "sum" and is_exact and (digits is None or digits[0] <= _DIGITS):
        type_ = sum_type(column.type)
        return Passing(made.name, f"sum({column.sql})::{native_of(type_)}", type_)
    if made.function in ("min", "max") and (is_exact or column.type in _ORDERED):
        return Passing(made.name, f"{made.function}({column.sql})", column.type)
    raise NotTheSame(f"{made.function} of {column.type}")
