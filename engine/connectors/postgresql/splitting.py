"""A table in ranges of its pages, each of which a session can read by itself.

Every row is on one page. The last range has no end, for a table may have grown since its pages
were counted; those of a partitioned table are ranges of every partition's pages.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from engine.connectors.postgresql.catalog import qualified
from engine.transfer import TableName

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

#: Fewer pages are not worth a session of their own.
_PAGES = 64
#: Before, the server looked at every page for each range.
_VERSION = 140_000
#: Tables, materialized views, and partitioned tables all of whose partitions are kept here, by
#: PostgreSQL itself: what others do with pages and with tables that inherit is not known.
_TREE = """
WITH tree(relation) AS (
    SELECT to_regclass(%(name)s)::oid
    UNION SELECT relid FROM pg_partition_tree(to_regclass(%(name)s))
)
SELECT max(pg_relation_size(relation)) / current_setting('block_size')::int,
       bool_and(relkind = 'p' OR (relkind IN ('r', 'm') AND amname = 'heap' AND NOT relhassubclass))
FROM tree JOIN pg_class ON pg_class.oid = relation LEFT JOIN pg_am ON pg_am.oid = relam
"""


def ranges(connection: Connection, table: TableName, most: int) -> list[str]:
    """Conditions, at most so many; none where the table is to be read as a whole.

    Until the transaction of ``connection`` ends, nobody empties the table or moves its rows to
    other pages: a session that comes later would find others there, or none.
    """
    if connection.info.server_version < _VERSION:
        return []
    name = qualified(table)
    pages, can_be_cut = connection.execute(_TREE, {"name": name}).fetchone() or (0, False)
    if not can_be_cut:
        return []
    connection.execute(f"SELECT FROM {name} LIMIT 0".encode())
    count = max(1, min(most, int(pages or 0) // _PAGES))
    bounds = [f"'({pages * i // count},0)'::tid" for i in range(1, count)]
    if not bounds:
        return [""]
    between = [f"ctid >= {first} AND ctid < {end}" for first, end in pairwise(bounds)]
    return [f"ctid < {bounds[0]}", *between, f"ctid >= {bounds[-1]}"]
