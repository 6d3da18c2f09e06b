"""PostgreSQL's types and DuckDB's: what is read as what, and what can be written how.

A value is either carried exactly or the load fails; nothing is changed silently. What
DuckDB has no equal for travels as PostgreSQL's own text.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.schema import quote

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
#: Their binary form is their text, so DuckDB's VARCHAR can be written as it is.
_TEXT_IN_BINARY = {"name", "xml"}
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
    #: As PostgreSQL writes it (``numeric(12,2)``).
    text: str

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
        return name if self.name in _SAME else f"{name}::text"

    @property
    def is_text_on_the_way_in(self) -> bool:
        """Whether a column of this type is written as text that PostgreSQL casts."""
        if self.name == "numeric":
            return not self.duckdb.startswith("DECIMAL")
        is_binary = self.name in _SAME or self.name in _TEXT_IN_BINARY or self.category == "e"
        return not is_binary

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
    label = "'" + f'value of column "{column}" does not fit {duckdb}: '.replace("'", "''") + "'"
    is_same = declared and native == f"numeric({declared[0]},{declared[1]})"
    value = name if is_same else f"{name}::{native}"
    return f"CASE WHEN {is_exact} THEN {value} ELSE ({label} || {name}::text)::{native} END"
