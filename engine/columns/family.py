"""Families of types: what may be compared, assigned or passed without a cast."""

from __future__ import annotations

from enum import StrEnum


class Family(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIME = "time"
    INTERVAL = "interval"
    UUID = "uuid"
    BINARY = "binary"
    NULL = "null"
    #: Lists, structs and whatever else is not a scalar: nothing is claimed about them.
    OTHER = "other"

    @property
    def is_unknown(self) -> bool:
        """True when nothing can be said about a value's type."""
        return self in (Family.NULL, Family.OTHER)

    @property
    def is_moment(self) -> bool:
        return self in (Family.DATE, Family.TIMESTAMP)

    @property
    def is_timed(self) -> bool:
        return self in (Family.TIMESTAMP, Family.TIME)

    def casts_to(self, other: Family) -> bool:
        """Whether DuckDB has a cast; it binds the others too, and fails on the first value."""
        is_free = self is other or self.is_unknown or other.is_unknown
        return is_free or Family.TEXT in (self, other) or (self, other) in _CASTS


_CASTS = {
    (Family.NUMBER, Family.BOOLEAN),
    (Family.BOOLEAN, Family.NUMBER),
    (Family.DATE, Family.TIMESTAMP),
    (Family.TIMESTAMP, Family.DATE),
    (Family.TIMESTAMP, Family.TIME),
    (Family.UUID, Family.BINARY),
}
_FAMILIES = {
    Family.TEXT: "VARCHAR ENUM JSON",
    Family.NUMBER: "TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT "
    "UHUGEINT FLOAT DOUBLE DECIMAL",
    Family.BOOLEAN: "BOOLEAN",
    Family.DATE: "DATE",
    Family.TIMESTAMP: "TIMESTAMP TIMESTAMP_S TIMESTAMP_MS TIMESTAMP_NS",
    Family.TIME: "TIME",
    Family.INTERVAL: "INTERVAL",
    Family.UUID: "UUID",
    Family.BINARY: "BLOB",
}
_BY_NAME = {name: family for family, names in _FAMILIES.items() for name in names.split()}


def family_of(type_: str) -> Family:
    """The family of a DuckDB type text: ``DECIMAL(12,2)`` is a number, ``INTEGER[]`` other."""
    text = type_.strip().upper()
    if text.endswith("]"):
        return Family.OTHER
    return _BY_NAME.get(text.split("(")[0].removesuffix(" WITH TIME ZONE").strip(), Family.OTHER)
