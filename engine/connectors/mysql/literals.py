"""DuckDB's expressions for values as MySQL writes them in SQL.

Each is text, or NULL. MySQL checks most of what it is given under strict settings; what it would
change without a word is checked here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.columns.fitting import fed, finer, refusal
from engine.connectors.mysql.catalog import NativeColumn
from engine.schema import quote
from engine.transfer import Load


@dataclass(frozen=True, slots=True)
class LoadedColumn:
    """A target column, and the input column that feeds it, with its DuckDB type."""

    target: NativeColumn
    origin: str
    origin_type: str

    @property
    def name(self) -> str:
        return self.target.name

    @property
    def literal(self) -> str:
        """The value as text that goes into an INSERT."""
        type_, origin = self.target.type, quote(self.origin)
        match type_.name:
            case "decimal":
                return self._decimal(origin)
            case "float" | "double":
                return self._float(f"CAST({origin} AS {type_.duckdb})")
            case "year":
                return self._year(f"CAST({origin} AS SMALLINT)")
            case "date":
                return _text(f"CAST({origin} AS DATE)")
            case "datetime" | "timestamp":
                return self._moment(origin)
            case "time" if self.origin_type == "TIME":
                return _text(self._whole(origin))
            case "binary" | "varbinary":
                return self._bytes(f"CAST({origin} AS BLOB)")
        if type_.is_binary:
            return f"'X''' || hex(CAST({origin} AS BLOB)) || ''''"
        if type_.duckdb in ("VARCHAR", "UUID"):
            return _text(origin)
        return f"CAST(CAST({origin} AS {type_.duckdb}) AS VARCHAR)"

    def _decimal(self, origin: str) -> str:
        if self.target.type.duckdb != "VARCHAR":
            return f"CAST(CAST({origin} AS {self.target.type.duckdb}) AS VARCHAR)"
        pattern = rf"[+-]?\d*(\.\d{{0,{self.target.type.scale}}}0*)?"
        text = f"CAST({origin} AS VARCHAR)"
        return self._checked(
            f"NOT regexp_full_match({text}, '{pattern}')", text, "has other digits"
        )

    def _float(self, value: str) -> str:
        text = f"CAST(CAST({value} AS DOUBLE) AS VARCHAR)"
        written = f"CASE WHEN contains({text}, 'e') THEN {text} ELSE {text} || 'e0' END"
        return self._checked(f"NOT isfinite({value})", written, "is not finite")

    def _year(self, value: str) -> str:
        is_odd = f"{value} <> 0 AND {value} NOT BETWEEN 1901 AND 2155"
        return self._checked(is_odd, f"CAST({value} AS VARCHAR)", "is no year from 1901 to 2155")

    def _moment(self, origin: str) -> str:
        """A moment with a zone is written in UTC: that is what the session is in."""
        value = f"CAST({origin} AS TIMESTAMP)"
        if self.origin_type == "TIMESTAMP WITH TIME ZONE":
            value = f"make_timestamp(epoch_us({origin}))"
        checked = self._whole(value)
        return _text(
            f"CASE WHEN isinf({value}) THEN {self._error('is infinite')} ELSE {checked} END"
        )

    def _whole(self, value: str) -> str:
        """MySQL rounds fractions of a second that a column has no digits for."""
        is_finer = finer(value, self.target.type.scale)
        text = f"CAST({value} AS VARCHAR)"
        return self._checked(is_finer, text, "has more digits of a second") if is_finer else text

    def _bytes(self, value: str) -> str:
        written = f"'X''' || hex({value}) || ''''"
        if self.target.type.name != "binary":
            return written
        is_short = f"octet_length({value}) < {self.target.type.length or 0}"
        return self._checked(is_short, written, "is shorter, and would be filled up with zeros")

    def _checked(self, is_bad: str, value: str, why: str) -> str:
        return f"CASE WHEN {is_bad} THEN {self._error(why)} ELSE {value} END"

    def _error(self, why: str) -> str:
        return refusal(self.name, self.target.type.text, self.origin, why)


def loaded_columns(
    found: Sequence[NativeColumn], load: Load, types: Mapping[str, str]
) -> list[LoadedColumn]:
    """The columns of ``load``; ``types`` are DuckDB's, by the input's casefolded names."""
    return [LoadedColumn(*column) for column in fed(found, load, types)]


def row_of(columns: Sequence[LoadedColumn]) -> str:
    """DuckDB's expression for a row of VALUES."""
    values = " || ',' || ".join(f"coalesce({column.literal}, 'NULL')" for column in columns)
    return f"'(' || {values} || ')'"


def _text(value: str) -> str:
    return f"'''' || replace(CAST({value} AS VARCHAR), '''', '''''') || ''''"
