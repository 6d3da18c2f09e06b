"""One INSERT … SELECT in the transaction of the ledger, that says how many rows passed where.

Rows that have keys wait in a table of arrivals, and are applied as those from elsewhere.
The rows of every node are in the plan that EXPLAIN ANALYZE returns for the statement it has
run: without clocks, counting costs next to nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import duckdb

from engine.connectors.postgresql import catalog
from engine.connectors.postgresql.arrivals import TABLE, Arrivals
from engine.connectors.postgresql.catalog import qualified
from engine.connectors.postgresql.columns import LoadedColumn, loaded_columns
from engine.connectors.postgresql.copying import CopyIn
from engine.connectors.postgresql.inside.query import Made, assigned, made
from engine.connectors.postgresql.inside.terms import NotTheSame
from engine.connectors.postgresql.loading import empty, in_one_transaction
from engine.errors import ConnectorError, ExpressionError
from engine.schema import quote
from engine.stages.pushdown import Chain
from engine.transfer import InsideResult, Load

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

_COUNTING = "ANALYZE, TIMING off, BUFFERS off, SUMMARY off"
_TABLES = """
SELECT c.relkind::text, c.relhasrules,
       EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal)
FROM pg_class c WHERE c.oid = to_regclass(%s)
"""


def load_inside(
    connection: Connection,
    ledger_schema: str,
    load: Load,
    chain: Chain,
    on_rows: Callable[[int], None],
    moment: str = "",
) -> InsideResult | None:
    """Load the rows of ``chain``; None, and nothing done, where another way must be taken."""
    import psycopg

    rows: dict[str, int] = {}

    def apply() -> int:
        _check(connection, load, chain, moment)
        query, columns = _query(connection, load, chain)
        copy = CopyIn(connection.pgconn, lambda: on_rows(0))
        arrivals = Arrivals(connection, load, columns, copy)
        if load.keys:
            arrivals.make()
        statement = _insert(TABLE if load.keys else qualified(load.table), columns, query)
        _counts(copy.explain(statement, "COSTS off"), chain, query)
        if load.mode == "replace":
            empty(connection, load, sees_all=not moment)
        rows.update(_counts(copy.explain(statement, _COUNTING), chain, query))
        return arrivals.apply() if load.keys else rows[chain.last]

    try:
        done = in_one_transaction(connection, ledger_schema, load, apply, on_rows, moment=moment)
    except (NotTheSame, ExpressionError, ConnectorError, duckdb.Error):
        return None
    except psycopg.errors.QueryCanceled:
        raise
    except psycopg.Error:
        return None  # whatever it is, the other way says which node is to blame
    return InsideResult(done.rows, done.was_applied_before, rows)


def _query(connection: Connection, load: Load, chain: Chain) -> tuple[Made, list[LoadedColumn]]:
    """The rows of the chain, and which of their columns feed which of the table's.

    Raises ``NotTheSame`` where they are not known to put the same into it.
    """
    query = made(chain, catalog.columns(connection, chain.extraction))
    types = {column.name.casefold(): column.type for column in query.columns}
    columns = loaded_columns(catalog.target_columns(connection, load.table), load, types)
    if load.keys and any(column.is_cast_from_text for column in columns):
        raise NotTheSame("arrivals that are another type's text")
    return query, columns


def _insert(place: str, columns: Sequence[LoadedColumn], query: Made) -> str:
    """Raises ``NotTheSame``."""
    arriving = {column.name.casefold(): column for column in query.columns}
    values = [
        f"{assigned(arriving[c.origin.casefold()], c.target)} AS {quote(c.name)}" for c in columns
    ]
    names = ", ".join(quote(column.name) for column in columns)
    return f"INSERT INTO {place} ({names}) SELECT {', '.join(values)} FROM ({query.sql}) AS rows"


def _check(connection: Connection, load: Load, chain: Chain, moment: str) -> None:
    """Both are plain tables of a real PostgreSQL that keeps its texts as DuckDB does.

    At an earlier moment, a load would not see all rows that have its keys.
    """
    if load.creates or chain.extraction.table is None or (load.keys and moment):
        raise NotTheSame(f"a load by {load.mode}")
    row = connection.execute("SELECT version(), current_setting('server_encoding')").fetchone()
    if not row or not re.match(r"PostgreSQL [\d.]+(\w*\d*)? ", row[0]) or row[1] != "UTF8":
        raise NotTheSame(str(row))
    names = [qualified(chain.extraction.table), qualified(load.table)]
    oids = connection.execute("SELECT to_regclass(%s)::oid, to_regclass(%s)::oid", names).fetchone()
    source, target = (connection.execute(_TABLES, [name]).fetchone() for name in names)
    if not source or source[0] not in "rpm" or target != ("r", False, False):
        raise NotTheSame("something else than plain tables")
    if oids and oids[0] == oids[1]:
        raise NotTheSame("a table into itself")


def _counts(plan: Mapping[str, Any], chain: Chain, query: Made) -> dict[str, int]:
    """Rows out of each node; zeros in a plan that was not run.

    Raises ``NotTheSame`` where PostgreSQL found a way around a fence.
    """
    fences = {node.get("Alias"): node for node in _nodes(plan)}
    gathering = [node for node in _nodes(plan) if node["Node Type"] == "Aggregate"]
    if len(gathering) != sum(layer.kind == "aggregate" for layer in chain.layers):
        raise NotTheSame("groups that are made in another way")
    rows = _rows(plan["Plans"][0])
    counted: dict[str, int] = {}
    for layer in reversed(chain.layers):
        counted[layer.step] = rows
        if alias := query.fences.get(layer.step):
            fence = fences.get(alias, {})
            if "Filter" not in fence:
                raise NotTheSame("a condition that is no condition")
            rows = _rows(fence) + int(fence.get("Rows Removed by Filter", 0))
        elif layer.kind == "aggregate":
            rows = _rows(gathering.pop(0)["Plans"][0])
    return {**counted, chain.source: rows}


def _rows(node: Mapping[str, Any]) -> int:
    return int(node.get("Actual Rows", 0))


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)
