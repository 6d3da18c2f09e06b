"""SQLAlchemy's types and DuckDB's, and Python's values in Arrow."""

from __future__ import annotations

import datetime
import decimal
import ipaddress
import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from engine.errors import ConnectorError

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy.types import TypeEngine

_MAX_PRECISION = 38
_WRITTEN_ALIKE = (int, uuid.UUID, ipaddress._IPAddressBase, datetime.date, datetime.time)


def duckdb_type(type_: TypeEngine[Any], *, is_sqlite: bool) -> str:
    """The DuckDB type that values of a column are read as; text where there is no equal."""
    from sqlalchemy import types as sa

    type_ = getattr(type_, "data_type", type_)  # what a domain is made of
    if isinstance(type_, sa.Boolean):
        return "BOOLEAN"
    if isinstance(type_, sa.SmallInteger) and not is_sqlite:
        return "SMALLINT"
    if isinstance(type_, sa.Integer):
        return "BIGINT"
    if isinstance(type_, sa.Float):
        return "DOUBLE"
    if isinstance(type_, sa.Numeric):
        return _decimal(type_, is_sqlite)
    if isinstance(type_, sa.DateTime):
        return "TIMESTAMP WITH TIME ZONE" if type_.timezone else "TIMESTAMP"
    if isinstance(type_, sa.Time) and type_.timezone:
        return "VARCHAR"
    simple = {sa.Date: "DATE", sa.Time: "TIME", sa.LargeBinary: "BLOB", sa.Uuid: "UUID"}
    return next((name for cls, name in simple.items() if isinstance(type_, cls)), "VARCHAR")


def _decimal(type_: Any, is_sqlite: bool) -> str:
    """SQLite keeps decimals as floats. Without a precision, only text holds every value."""
    if is_sqlite:
        return "DOUBLE"
    precision, scale = type_.precision, type_.scale or 0
    if precision is None or not 0 <= scale <= precision <= _MAX_PRECISION:
        return "VARCHAR"
    return f"DECIMAL({precision},{scale})"


def seen_type(values: Iterable[Any]) -> str:
    """The DuckDB type of a query's column, by the first values it has."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {decimal.Decimal} or kinds == {decimal.Decimal, int}:
        return "VARCHAR"
    names = {
        bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", bytes: "BLOB", uuid.UUID: "UUID",
        datetime.date: "DATE", datetime.time: "TIME",
    }  # fmt: skip
    if kinds == {datetime.datetime}:
        zones = {value.tzinfo is not None for value in values if value is not None}
        return "TIMESTAMP WITH TIME ZONE" if zones == {True} else "TIMESTAMP"
    if kinds == {int, float}:
        return "DOUBLE"
    return names.get(kinds.pop(), "VARCHAR") if len(kinds) == 1 else "VARCHAR"


def array(values: Sequence[Any], field: pa.Field) -> pa.Array:
    """Values as ``field``, or a ``ConnectorError`` that names it: nothing is converted."""
    import pyarrow as pa

    try:
        if pa.types.is_string(field.type):
            values = [_text(value) for value in values]
        return pa.array(values, field.type)
    except (pa.ArrowException, TypeError, OverflowError) as error:
        raise ConnectorError(
            f"column '{field.name}' holds a value that is no {field.type}: {error}; read it in a "
            "query, cast to text",
            code="E_VALUE",
            permanent=True,
        ) from error


def _text(value: Any) -> str | None:
    """Only what Python writes as the database does; what a driver has parsed, it does not."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, bool) or not isinstance(value, _WRITTEN_ALIKE):
        raise TypeError(f"{type(value).__name__} '{str(value)[:80]}'")
    return str(value)
