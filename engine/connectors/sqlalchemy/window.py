"""The part of a table that an incremental source reads, in SQLAlchemy's words."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from engine.columns.choosing import chosen
from engine.connectors.sqlalchemy.catalog import reflected
from engine.errors import ConnectorError
from engine.transfer import Extraction, Window

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.sql.base import ReadOnlyColumnCollection

_DAY_SECONDS = 86_400


def latest(connection: Connection, extraction: Extraction, name: str) -> str | None:
    """The largest value of a column, in the text that ``conditions`` reads."""
    import sqlalchemy as sa

    if extraction.table is None:
        raise ConnectorError(
            "a query cannot be read incrementally through this connector; name a table or view, or "
            "read all rows",
            permanent=True,
        )
    (column,) = chosen(list(reflected(connection, extraction.table).columns), [name])
    found = connection.execute(sa.select(sa.func.max(column))).scalar()
    return None if found is None else _text(found)


def conditions(window: Window, columns: ReadOnlyColumnCollection[str, Any]) -> list[Any]:
    """Which rows are in the window; none when there is no largest value."""
    import sqlalchemy as sa

    if window.upto is None:
        return [sa.false()]
    (column,) = chosen(list(columns), [window.column])
    terms = [column <= _value(window.upto, column)]
    if window.above:
        least = min(_value(text, column) for text in window.above)
        terms.append(column > _before(least, window, column))
    return terms


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _value(text: str, column: Any) -> Any:
    """A value of the column's own Python type."""
    try:
        kind = column.type.python_type
    except NotImplementedError:
        kind = str
    if kind in (date, datetime, time):
        return kind.fromisoformat(text)
    return kind(text) if kind in (int, float, Decimal) else text


def _before(value: Any, window: Window, column: Any) -> Any:
    if not window.overlap:
        return value
    if isinstance(value, datetime):
        return value - timedelta(seconds=window.overlap)
    if isinstance(value, date):
        return value - timedelta(days=math.ceil(window.overlap / _DAY_SECONDS))
    if isinstance(value, int):
        return value - math.ceil(window.overlap)
    if isinstance(value, float):
        return value - window.overlap
    if isinstance(value, Decimal):
        return value - Decimal(window.overlap)
    raise ConnectorError(
        f"an overlap cannot be taken from column '{window.column}' ({column.type}); expected a "
        "number, a date or a timestamp; set the overlap to 0, or choose another column",
        permanent=True,
    )
