"""Which input column feeds which target column, and in what form it travels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from engine.columns.fitting import fed, finer, refusal
from engine.connectors.postgresql.catalog import NativeColumn
from engine.schema import literal, quote
from engine.transfer import Load

#: What DuckDB writes several times faster than decimals with more digits.
QUICK_DIGITS = 18
#: With more digits after the point, too few are left before it.
_QUICK_SCALE = 6
_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}


@dataclass(frozen=True, slots=True)
class LoadedColumn:
    """A target column, the input column that feeds it, and the type DuckDB writes."""

    target: NativeColumn
    origin: str
    written: str
    is_cast_from_text: bool

    @property
    def name(self) -> str:
        return self.target.name

    @property
    def written_sql(self) -> str:
        """DuckDB's expression: an exact cast to what goes over the wire.

        PostgreSQL would round fractions of a second that a column has no digits for.
        """
        value = f"CAST({quote(self.origin)} AS {self.written})"
        digits = self.target.type.second_digits
        if digits is not None and (is_finer := finer(value, digits)):
            why = "has more digits of a second"
            error = refusal(self.name, self.target.type.text, self.origin, why)
            value = f"CASE WHEN {is_finer} THEN {error} ELSE {value} END"
        return f"{value} AS {quote(self.name)}"

    @property
    def quick(self) -> LoadedColumn:
        """The same column for values that are not huge; the cast fails for those that are."""
        decimal = re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", self.written)
        if not decimal or int(decimal[1]) <= QUICK_DIGITS or int(decimal[2]) > _QUICK_SCALE:
            return self
        return replace(self, written=f"DECIMAL({QUICK_DIGITS},{decimal[2]})")

    @property
    def arrival_sql(self) -> str:
        """PostgreSQL's expression over the arrivals."""
        return self._cast(quote(self.name))

    def arrival_sql_of(self, alias: str) -> str:
        """The same where the arrivals go by an alias."""
        return self._cast(f"{alias}.{quote(self.name)}")

    @property
    def arrival_type(self) -> str:
        return "text" if self.is_cast_from_text else self.target.type.text

    def _cast(self, value: str) -> str:
        """Without the limits of the column: an explicit cast would cut what is too long for
        them, and the assignment that follows refuses it. What that would round is refused here.
        """
        if not self.is_cast_from_text:
            return value
        type_ = self.target.type
        value = f"{value}::{type_.parsed}"
        if not type_.rounds:
            return value
        label = literal(f'value of column "{self.name}" does not fit {type_.text}: ')
        return (
            f"CASE WHEN {value} = {value}::{type_.text} OR {value} IS NULL THEN {value} "
            f"ELSE ({label} || {value}::text)::{type_.plain} END"
        )


def loaded_columns(
    found: Sequence[NativeColumn], load: Load, types: Mapping[str, str]
) -> list[LoadedColumn]:
    """The columns of ``load``; ``types`` are DuckDB's, by the input's casefolded names."""
    return [_column(*column) for column in fed(found, load, types)]


def _column(target: NativeColumn, origin: str, origin_type: str) -> LoadedColumn:
    """A numeric without a scale takes what comes, as long as that can be said exactly."""
    written = target.type.duckdb
    if target.type.name == "numeric" and not target.type.is_bounded:
        if origin_type.startswith("DECIMAL"):
            written = origin_type
        elif origin_type in _INTEGERS:
            written = "DECIMAL(38,0)"
        else:
            written = "VARCHAR"
    is_text = target.type.is_text_on_the_way_in or (
        target.type.name == "numeric" and written == "VARCHAR"
    )
    return LoadedColumn(target, origin, "VARCHAR" if is_text else written, is_text)
