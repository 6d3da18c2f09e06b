"""The part of a table that an incremental source reads, in MySQL's words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from engine.connectors.mysql.catalog import NativeColumn, quote, rows_of
from engine.errors import ConnectorError
from engine.schema import literal
from engine.transfer import Window

if TYPE_CHECKING:
    from pymysql import Connection

_NUMBERS = {"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double"}
_MOMENTS = {"date": "DATE", "datetime": "DATETIME(6)", "timestamp": "DATETIME(6)"}
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")


def latest(connection: Connection, column: NativeColumn, relation: str) -> str | None:
    """The largest value of ``column``; moments are in UTC."""
    value = f"max({quote(column.name)})"
    if column.type.name in ("float", "double"):
        value += " * 1e0"
    ((found,),) = rows_of(connection, f"SELECT CAST({value} AS CHAR) FROM {relation}")
    return None if found is None else str(found)


def condition(window: Window, column: NativeColumn) -> str:
    """Which rows are in the window; none when there is no largest value."""
    if window.upto is None:
        return "false"
    name = quote(column.name)
    terms = [f"{name} <= {_value(window.upto, column)}"]
    if window.above:
        values = [_value(text, column) for text in window.above]
        least = f"least({', '.join(values)})" if len(values) > 1 else values[0]
        terms.append(f"{name} > {least}{_overlap(window, column)}")
    return " AND ".join(terms)


def _overlap(window: Window, column: NativeColumn) -> str:
    if not window.overlap:
        return ""
    if column.type.name in _MOMENTS:
        return f" - INTERVAL {window.overlap:f} SECOND"
    if column.type.name in _NUMBERS:
        return f" - {int(window.overlap) if window.overlap.is_integer() else window.overlap}"
    raise ConnectorError(
        f"an overlap cannot be taken from column '{column.name}' ({column.type.text}); expected a "
        "number, a date or a timestamp; set the overlap to 0, or choose another column",
        permanent=True,
    )


def _value(text: str, column: NativeColumn) -> str:
    """A literal of the column's own type: numbers compared with text would become floats."""
    if column.type.name in _NUMBERS and _NUMBER.fullmatch(text):
        return f"{text}e0" if column.type.name in ("float", "double") and "e" not in text else text
    if column.type.name in _MOMENTS:
        return f"CAST({literal(text)} AS {_MOMENTS[column.type.name]})"
    return literal(text)
