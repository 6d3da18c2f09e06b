"""PostgreSQL's types and DuckDB's: what is read as what, and what can be written how.

A value is either carried exactly or the load fails; nothing is changed silently. What
DuckDB has no equal for travels as PostgreSQL's own text.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.schema import literal, quote

#: Read and written in binary, one to one.
_SAME = {
    "bool": "BOOLEAN",
    "int2": "SMALLINT",
    "int4": "INTEGER",
    "int8": "BIGINT",
    "float4": "FLOAT",
    "float8": "DOUBLE",
    "text": "VARCHAR",
    "varchar": "VARCHAR",
    "bpchar": "VARCHAR",
    "bytea": "BLOB",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "interval": "INTERVAL",
    "uuid": "UUID",
    "json": "VARCHAR",
}
#: What a DuckDB type becomes in a table that is made for it; every value fits. Nanoseconds
#: would not, and what is nested has no equal.
_NATIVE = {
    "BOOLEAN": "boolean",
    "TINYINT": "smallint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "HUGEINT": "numeric(38,0)",
    "UTINYINT": "smallint",
    "USMALLINT": "integer",
    "UINTEGER": "bigint",
    "UBIGINT": "numeric(20,0)",
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "VARCHAR": "text",
    "JSON": "json",
    "BLOB": "bytea",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP_S": "timestamp",
    "TIMESTAMP_MS": "timestamp",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "INTERVAL": "interval",
    "UUID": "uuid",
}
#: What its text means depends on the server's money of the day; as a number, it does not.
_MONEY = {"money": "numeric", "_money": "numeric[]"}
_MOMENTS = {"time", "timestamp", "timestamptz"}
_ROUNDED = {*_MOMENTS, "timetz", "interval", "numeric"}
_MAX_PRECISION = 38
#: Where numeric has no declared scale: digits kept after the point.
_FREE_SCALE = 10


@dataclass(frozen=True, slots=True)
class NativeType:
    """A type as the catalog has it, domains resolved to what they are made of.

    ``name`` is pg_type.typname for built-in types and empty for others; ``category`` is
    pg_type.typtype (``e`` = enum); ``modifier`` is the atttypmod.
    """

    name: str
    category: str
    modifier: int
    #: As PostgreSQL writes it (``numeric(12,2)``), and without what is in parentheses.
    text: str
    plain: str

    @property
    def decimal(self) -> tuple[int, int] | None:
        """Declared (precision, scale) of a numeric, or None where it has none."""
        if self.name != "numeric" or self.modifier < 4:
            return None
        packed = self.modifier - 4
        scale = packed & 0x7FF
        return packed >> 16 & 0xFFFF, scale - 0x800 if scale & 0x400 else scale

    @property
    def is_bounded(self) -> bool:
        """Whether every value of a numeric fits the DECIMAL it is read as."""
        return self.decimal is not None and self.decimal[0] <= _MAX_PRECISION

    @property
    def is_exact(self) -> bool:
        """Whether the DECIMAL a numeric is read as has the declared digits, no more and no less."""
        return (
            self.is_bounded and self.decimal is not None and 0 <= self.decimal[1] <= _MAX_PRECISION
        )

    @property
    def limits(self) -> str:
        """Values of a numeric that may have more digits than its DECIMAL; empty if none may."""
        if self.is_bounded or not self.duckdb.startswith("DECIMAL"):
            return ""
        if self.decimal is None:
            whole = _MAX_PRECISION - _FREE_SCALE
            return f"values of more than {whole} digits before the point or {_FREE_SCALE} after it"
        return f"values of more than {_MAX_PRECISION} digits"

    @property
    def duckdb(self) -> str:
        """The DuckDB type its values are read as."""
        if self.name == "numeric":
            return self._decimal_type()
        return _SAME.get(self.name, "VARCHAR")

    def read(self, column: str) -> str:
        """PostgreSQL's expression that reads ``column`` so that DuckDB gets it exactly."""
        name = quote(column)
        if self.duckdb.startswith("DECIMAL"):
            return _guarded(name, column, self.duckdb, self.decimal)
        if self.name in _MONEY:
            return f"{name}::{_MONEY[self.name]}::text"
        return name if self.name in _SAME else f"{name}::text"

    @property
    def second_digits(self) -> int | None:
        """Digits of a second that a column of moments or times is declared to have."""
        return self.modifier if self.name in _MOMENTS and self.modifier >= 0 else None

    @property
    def rounds(self) -> bool:
        """Whether assigning a value that has more digits than declared changes it."""
        return self.modifier >= 0 and self.name.removeprefix("_") in _ROUNDED

    @property
    def parsed(self) -> str:
        """The type that text is cast to."""
        return f"{_MONEY[self.name]}::{self.plain}" if self.name in _MONEY else self.plain

    @property
    def is_text_on_the_way_in(self) -> bool:
        """Whether a column of this type is written as text that PostgreSQL casts."""
        if self.name == "numeric":
            return self.modifier >= 0 and not self.is_exact
        if self.name == "interval" and self.modifier >= 0:
            return True
        # The binary form of names and enums is their text.
        return not (self.name in _SAME or self.name == "name" or self.category == "e")

    def _decimal_type(self) -> str:
        if self.decimal is None:
            return f"DECIMAL({_MAX_PRECISION},{_FREE_SCALE})"
        precision, scale = self.decimal
        whole = max(precision - scale, 0)
        scale = max(scale, 0)
        if scale > _MAX_PRECISION:
            return "VARCHAR"
        return f"DECIMAL({min(max(whole + scale, 1), _MAX_PRECISION)},{scale})"


def native_type(duckdb: str) -> str:
    """The type of a column made for values of a DuckDB type; empty where there is none."""
    if duckdb.startswith("DECIMAL(") and duckdb.endswith(")"):
        return duckdb.replace("DECIMAL", "numeric")
    if duckdb.startswith("ENUM(") and duckdb.endswith(")"):
        return "text"
    return _NATIVE.get(duckdb, "")


def _guarded(name: str, column: str, duckdb: str, declared: tuple[int, int] | None) -> str:
    """A numeric that raises, naming itself, where DuckDB would round it or make NaN 0."""
    native = duckdb.replace("DECIMAL", "numeric")
    is_exact = f"{name} <> 'NaN'"
    if declared is None:
        is_exact += f" AND {name} = trunc({name}, {_FREE_SCALE})"
    label = literal(f'value of column "{column}" does not fit {duckdb}: ')
    # To a column of that very type, the cast is nothing; a domain loses its precision without it.
    return (
        f"CASE WHEN {is_exact} THEN {name}::{native} ELSE ({label} || {name}::text)::{native} END"
    )
