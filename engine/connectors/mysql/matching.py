"""What a load would meet in its table: how many rows there are, and which keys; only reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engine.connectors.mysql.catalog import NativeColumn, qualified, quote, rows_of, target_columns
from engine.connectors.mysql.types import NativeType
from engine.transfer import TableName

if TYPE_CHECKING:
    from pymysql import Connection

    Key = Sequence[str | None]

#: Nobody waits longer for a plan of a load.
SECONDS = 5
#: Keys that one statement looks for.
_AT_ONCE = 500
#: By these numbers MariaDB and MySQL say that the time of a statement is up.
_STOPPED = {1969, 3024}
_WHOLE = {"tinyint", "smallint", "mediumint", "int", "bigint", "bit", "year"}


def count(connection: Connection, table: TableName, most: int) -> int | None:
    """Rows of ``table``, up to ``most``; None where counting them takes too long."""
    query = f"SELECT count(*) FROM (SELECT 1 FROM {qualified(table)} LIMIT {most}) AS counted"
    found = _answer(connection, query)
    return int(found[0][0]) if found else None


def matches(connection: Connection, table: TableName, keys: Mapping[str, Key]) -> list[int] | None:
    """Rows of ``table`` with each key, as ``Connector.matches``; None as above, and for keys
    that are bytes or floats.
    """
    by_name = {column.name: column for column in target_columns(connection, table)}
    columns = [by_name[name] for name in keys]
    if any(column.type.is_binary or column.type.name in ("float", "double") for column in columns):
        return None
    given = list(zip(*keys.values(), strict=True))
    found: list[int] = []
    for first in range(0, len(given), _AT_ONCE):
        some = given[first:][:_AT_ONCE]
        answer = _answer(connection, _query(table, columns, len(some)), _values(columns, some))
        if answer is None:
            return None
        found += [rows for _, rows in answer]
    return found


def _query(table: TableName, columns: Sequence[NativeColumn], keys: int) -> str:
    """Rows by place of the key; one SELECT each, for every key may have an index to be found by.

    A text beside a column is compared as the column compares, with its collation.
    """
    same = " AND ".join(f"{_plain(quote(c.name))} = {_given(c.type)}" for c in columns)
    one = f"count(*) FROM {_plain(qualified(table))} WHERE {same}"
    counts = (f"SELECT {place} AS place, {one}" for place in range(keys))
    return f"{' UNION ALL '.join(counts)} ORDER BY place"


def _plain(identifier: str) -> str:
    """As it is written where ``%s`` stands for a value."""
    return identifier.replace("%", "%%")


def _given(type_: NativeType) -> str:
    if type_.name in _WHOLE:
        return f"CAST(%s AS {'UNSIGNED' if type_.is_unsigned else 'SIGNED'})"
    if type_.name == "decimal":
        return f"CAST(%s AS DECIMAL({type_.precision},{type_.scale}))"
    return "%s"


def _values(columns: Sequence[NativeColumn], keys: Sequence[Key]) -> list[str]:
    """Moments are in UTC on both sides, and MySQL knows no other way to say so."""
    return [
        (value or "").removesuffix("+00") if column.type.name == "timestamp" else value or ""
        for key in keys
        for column, value in zip(columns, key, strict=True)
    ]


def _answer(connection: Connection, query: str, values: Sequence[str] = ()) -> list[Any] | None:
    import pymysql

    try:
        return rows_of(connection, query, values)
    except pymysql.MySQLError as error:
        if error.args[0] in _STOPPED:
            return None
        raise
