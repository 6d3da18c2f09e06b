"""What a load would meet in its table: how many rows there are, and which keys; only reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engine.connectors.postgresql.catalog import qualified, target_columns
from engine.schema import quote
from engine.transfer import TableName

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

#: Nobody waits longer for a plan of a load.
_SECONDS = 5


def count(connection: Connection, table: TableName, most: int) -> int | None:
    """Rows of ``table``, up to ``most``; None where counting them takes too long."""
    query = f"SELECT count(*) FROM (SELECT 1 FROM {qualified(table)} LIMIT {most}) AS counted"
    found = _answer(connection, query)
    return found[0][0] if found else None


def matches(
    connection: Connection, table: TableName, keys: Mapping[str, Sequence[str | None]]
) -> list[int] | None:
    """Rows of ``table`` with each key, as ``Connector.matches``; None as above."""
    types = {column.name: column.declared for column in target_columns(connection, table)}
    names = [f"k{i}" for i in range(len(keys))]
    texts = ", ".join(names)
    casts = ", ".join(f"{n}::{types[key]} AS {n}" for n, key in zip(names, keys, strict=True))
    held = ", ".join(f"{quote(key)} AS {n}" for n, key in zip(names, keys, strict=True))
    same = " AND ".join(f"held.{name} = given.{name}" for name in names)
    query = f"""
        SELECT count(held.is_there)
        FROM (SELECT place, {casts} FROM unnest(ARRAYS) WITH ORDINALITY AS t({texts}, place))
             AS given
        LEFT JOIN (SELECT {held}, true AS is_there FROM {qualified(table)}) AS held ON {same}
        GROUP BY given.place ORDER BY given.place
    """
    arrays = ", ".join(["%s::text[]"] * len(keys))
    query = query.replace("%", "%%").replace("ARRAYS", arrays, 1)
    found = _answer(connection, query, [list(values) for values in keys.values()])
    return [row[0] for row in found] if found is not None else None


def _answer(
    connection: Connection, query: str, values: list[Any] | None = None
) -> list[Any] | None:
    import psycopg

    connection.execute(f"SET statement_timeout = '{_SECONDS}s'")
    try:
        return connection.execute(query, values).fetchall()
    except psycopg.errors.QueryCanceled:
        return None
