"""How much space tables take, as their database tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.sql import SQL, Identifier

_SPACE = """
SELECT coalesce(sum(pg_total_relation_size(oid)), 0),
    coalesce(max(reltuples) FILTER (WHERE oid = to_regclass(%s)), 0)
FROM pg_class WHERE oid IN (SELECT to_regclass(name) FROM unnest(%s::text[]) AS name)
"""


@dataclass(frozen=True, slots=True)
class Space:
    """``rows`` of the first table, about; ``size_bytes`` of all with their indexes."""

    rows: int
    size_bytes: int

    def share(self, rows: int) -> int:
        """Bytes that so many of the rows take, about."""
        return round(self.size_bytes * min(1.0, rows / self.rows)) if self.rows else 0


def space_of(cursor: Any, tables: Sequence[str]) -> Space:
    """One query; one more where the database has not counted the first table's rows yet.

    Tables that are not there take no space.
    """
    cursor.execute(_SPACE, [tables[0], list(tables)])
    size, rows = cursor.fetchone()
    if rows <= 0 and size:
        cursor.execute(SQL("SELECT count(*) FROM {}").format(Identifier(tables[0])))
        (rows,) = cursor.fetchone()
    return Space(int(rows), int(size))
