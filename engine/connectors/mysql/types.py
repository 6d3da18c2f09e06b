"""MySQL's types and DuckDB's: what is read as what, and how it is written.

A value is either carried exactly or the run fails; nothing is changed silently.
"""

from __future__ import annotations

from dataclasses import dataclass

_WHOLE = {
    "tinyint": ("TINYINT", "UTINYINT"),
    "smallint": ("SMALLINT", "USMALLINT"),
    "mediumint": ("INTEGER", "UINTEGER"),
    "int": ("INTEGER", "UINTEGER"),
    "bigint": ("BIGINT", "UBIGINT"),
}
_SAME = {
    "bit": "UBIGINT",
    "year": "SMALLINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "date": "DATE",
    "datetime": "TIMESTAMP",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "uuid": "UUID",
}
#: Read as text: what they hold has no equal in DuckDB, or is text. TIME goes beyond 24 hours.
_TEXT = {
    "char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "json", "time",
    "inet4", "inet6",
}  # fmt: skip
_BINARY = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}
#: Carried in the server's own binary form, so that nothing is lost.
_GEOMETRY = {
    "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
    "geometrycollection", "geomcollection",
}  # fmt: skip
MAX_PRECISION = 38
#: What texts are quoted with in CSV. The server takes very long to double a character that a long
#: text is full of, so it is one that texts hardly have.
QUOTE = "\x01"
_MARK, _TWO_MARKS = "_utf8mb4 x'01'", "_utf8mb4 x'0101'"


@dataclass(frozen=True, slots=True)
class NativeType:
    """A type as the catalog has it; ``name`` is its DATA_TYPE, in small letters."""

    name: str
    #: As the server writes it (``bigint(20) unsigned``).
    text: str
    precision: int = 0
    #: Digits after the point; of times, digits of a second.
    scale: int = 0
    is_unsigned: bool = False
    #: In characters or bytes, where it is limited.
    length: int | None = None

    @property
    def duckdb(self) -> str:
        """The DuckDB type its values are read as; empty where there is none."""
        if self.name in _WHOLE:
            return _WHOLE[self.name][self.is_unsigned]
        if self.name == "decimal":
            is_held = self.precision <= MAX_PRECISION
            return f"DECIMAL({self.precision},{self.scale})" if is_held else "VARCHAR"
        if self.name in _TEXT:
            return "VARCHAR"
        if self.is_binary:
            return "BLOB"
        return _SAME.get(self.name, "")

    @property
    def is_binary(self) -> bool:
        return self.name in _BINARY or self.is_geometry

    @property
    def is_geometry(self) -> bool:
        return self.name in _GEOMETRY

    def read(self, name: str) -> str:
        """The server's expression for a field of CSV with the value of the column ``name``.

        A NULL is an empty field, and an empty text is quoted. Floats are made doubles, which
        are written with all their digits; bytes come in hexadecimal digits.
        """
        value = name
        if self.name == "bit":
            value = f"{name} + 0"
        elif self.name in ("float", "double"):
            value = f"{name} * 1e0"
        elif self.is_binary:
            value = f"concat({_MARK}, hex({name}), {_MARK})"
        elif self.name == "uuid":
            value = f"cast({name} as char)"
        elif self.name in _TEXT:
            text = f"convert({name} using utf8mb4) collate utf8mb4_bin"
            value = f"concat({_MARK}, replace({text}, {_MARK}, {_TWO_MARKS}), {_MARK})"
        return f"coalesce({value}, '')"


#: What a DuckDB type becomes in a table that is made for it; every value fits.
_NATIVE = {
    "BOOLEAN": "boolean",
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "int",
    "BIGINT": "bigint",
    "HUGEINT": "decimal(38,0)",
    "UTINYINT": "tinyint unsigned",
    "USMALLINT": "smallint unsigned",
    "UINTEGER": "int unsigned",
    "UBIGINT": "bigint unsigned",
    "FLOAT": "float",
    "DOUBLE": "double",
    "VARCHAR": "longtext",
    "JSON": "json",
    "BLOB": "longblob",
    "DATE": "date",
    "TIME": "time(6)",
    "TIMESTAMP_S": "datetime",
    "TIMESTAMP_MS": "datetime(3)",
    "TIMESTAMP": "datetime(6)",
    "TIMESTAMP WITH TIME ZONE": "datetime(6)",
    "UUID": "char(36)",
}
#: Texts and bytes that are keys: an index takes no more.
_KEYS = {"longtext": "varchar(255)", "longblob": "varbinary(255)"}
_MAX_SCALE = 30


def native_type(duckdb: str, *, is_key: bool = False) -> str:
    """The type of a column made for values of a DuckDB type; empty where there is none."""
    if duckdb.startswith("DECIMAL(") and duckdb.endswith(")"):
        scale = int(duckdb.rpartition(",")[2][:-1])
        return duckdb.lower() if scale <= _MAX_SCALE else ""
    native = "longtext" if duckdb.startswith("ENUM(") else _NATIVE.get(duckdb, "")
    return _KEYS.get(native, native) if is_key else native
