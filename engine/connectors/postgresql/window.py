"""The part of a table that an incremental source reads, in PostgreSQL's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.connectors.postgresql.catalog import NativeColumn
from engine.errors import ConnectorError
from engine.schema import literal, quote
from engine.transfer import Window

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

_NUMBERS = {"int2", "int4", "int8", "numeric", "float4", "float8"}
_MOMENTS = {"date", "timestamp", "timestamptz"}


def latest(connection: Connection, column: NativeColumn, relation: str) -> str | None:
    """The largest value of ``column``, in a text form that any session reads the same."""
    connection.execute("SET timezone = 'UTC'")
    connection.execute("SET datestyle = 'ISO'")
    row = connection.execute(f"SELECT max({quote(column.name)})::text FROM {relation}").fetchone()
    return None if row is None or row[0] is None else str(row[0])


def condition(window: Window, column: NativeColumn) -> str:
    """Which rows are in the window; none when there is no largest value."""
    if window.upto is None:
        return "false"
    name = quote(column.name)
    terms = [f"{name} <= {_value(window.upto, column)}"]
    if window.above:
        least = ", ".join(_value(text, column) for text in window.above)
        terms.append(f"{name} > least({least}){_overlap(window, column)}")
    return " AND ".join(terms)


def _overlap(window: Window, column: NativeColumn) -> str:
    if not window.overlap:
        return ""
    if column.type.name in _MOMENTS:
        return f" - interval '{window.overlap} seconds'"
    if column.type.name in _NUMBERS:
        # A whole number keeps the type of the column, and so the use of its index.
        return f" - {int(window.overlap) if window.overlap.is_integer() else window.overlap}"
    raise ConnectorError(
        f"an overlap cannot be taken from column '{column.name}' ({column.type.text}); expected a "
        "number, a date or a timestamp; set the overlap to 0, or choose another column",
        permanent=True,
    )


def _value(text: str, column: NativeColumn) -> str:
    return f"{literal(text)}::{column.type.text}"
