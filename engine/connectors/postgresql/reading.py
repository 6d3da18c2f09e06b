"""How rows get from PostgreSQL into DuckDB: one binary COPY of a generated SELECT."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp

from engine.columns.choosing import chosen
from engine.connectors.postgresql.catalog import NativeColumn, relation_of
from engine.connectors.postgresql.config import PostgresqlConfig
from engine.connectors.postgresql.dialect import Dialect
from engine.connectors.postgresql.window import condition as condition_of
from engine.expression import to_sql
from engine.schema import Schema, literal, quote
from engine.stages.pushing import TRIED_PER_ROW, pushed
from engine.transfer import Extraction

if TYPE_CHECKING:
    import duckdb
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

#: How values are written as text, so that it says all of them and any session reads it alike.
#: With 3, servers before 12 write floats whole as well.
_WRITTEN = {"intervalstyle": "postgres", "extra_float_digits": "3", "bytea_output": "hex"}
_WITH_ERA = {"date", "timestamp", "timestamptz"}

_READS_OF = """
SELECT pg_cancel_backend(pid) FROM pg_stat_activity
WHERE application_name = %s AND usename = current_user AND state = 'active'
"""


def cancel(connection: Connection, session_name: str) -> None:
    """Stop what sessions of this name are reading."""
    connection.execute(_READS_OF, [session_name])


def load_extension(session: duckdb.DuckDBPyConnection) -> None:
    """Load DuckDB's PostgreSQL reader from its Python package: nothing is downloaded."""
    import duckdb

    package = importlib.resources.files("duckdb_extension_postgres_scanner")
    file = f"extensions/v{duckdb.__version__}/postgres_scanner.duckdb_extension"
    session.load_extension(str(package / file))


def date_order(connection: Connection) -> str:
    """What comes first in dates like 1/2/2024, for queries that hold such (``DMY``)."""
    (style,) = connection.execute("SHOW datestyle").fetchone() or ("",)
    return str(style).rpartition(" ")[2] or "MDY"


def attach_statements(config: PostgresqlConfig, alias: str, order: str) -> Iterator[str]:
    """The password goes into a secret, where DuckDB shows it to nobody.

    Between queries no connection is held: a plan may attach a database many times. Dates are
    written in ISO's form whatever the server's own, and read in ``order`` as ever.
    """
    from psycopg.conninfo import make_conninfo

    secret = {
        "HOST": config.host,
        "PORT": str(config.port),
        "DATABASE": config.database,
        "USER": config.user,
        "PASSWORD": config.password.get_secret_value(),
    }
    fields = ", ".join(f"{name} {literal(value)}" for name, value in secret.items() if value)
    yield "SET GLOBAL pg_pool_max_connections = 0"
    yield f"CREATE OR REPLACE TEMPORARY SECRET {quote(alias)} (TYPE postgres, {fields})"
    written = _WRITTEN | {"datestyle": f"ISO,{order}"}
    options = make_conninfo("", **config.driver_options(alias=alias, is_read_only=True, **written))
    yield (
        f"ATTACH {literal(options)} AS {quote(alias)} "
        f"(TYPE postgres, SECRET {quote(alias)}, READ_ONLY)"
    )


def select(
    columns: Iterable[NativeColumn], extraction: Extraction, condition: str, dialect: Dialect
) -> str:
    """PostgreSQL's SELECT of ``columns``, each read so that nothing is lost.

    Where DuckDB filters, it gets more rows than are wanted in the end.
    """
    items = ", ".join(f"{_read(column, dialect)} AS {quote(column.name)}" for column in columns)
    where = f" WHERE {condition}" if condition else ""
    most = extraction.limit and extraction.limit * (TRIED_PER_ROW if extraction.filter else 1)
    limit = f" LIMIT {most}" if most else ""
    return f"SELECT {items} FROM {relation_of(extraction)}{where}{limit}"


def _read(column: NativeColumn, dialect: Dialect) -> str:
    """As text, a year BC would lose its era: it fails instead, with the column's name."""
    value = column.type.read(column.name)
    if dialect.has_binary_copy_out or column.type.name not in _WITH_ERA:
        return value
    is_bc = f"{value} < '0001-01-01' AND {value} > '-infinity'"
    label = literal(f'year BC in column "{column.name}": ')
    return f"CASE WHEN {is_bc} THEN ({label} || {value}::text)::{column.type.name} ELSE {value} END"


def relation(
    found: Sequence[NativeColumn], extraction: Extraction, alias: str, dialect: Dialect
) -> str:
    """DuckDB's SELECT over the attached database.

    The filter is DuckDB's to decide, so that it means the same for every source; what can
    be compared in PostgreSQL without any difference is compared there as well, so that
    fewer rows travel.
    """
    wanted = chosen(found, extraction.columns)
    within = " AND ".join(filter(None, (extraction.part, _window(found, extraction))))
    if not extraction.filter:
        return f"SELECT * FROM {_query(alias, select(wanted, extraction, within, dialect))}"
    schema = Schema(tuple(column.described() for column in found))
    condition = to_sql(extraction.filter, schema, extraction.parameters or {})
    tree = sqlglot.parse_one(condition, read="duckdb")
    used = {node.name.casefold() for node in tree.find_all(exp.Column)}
    names = {column.name.casefold() for column in wanted}
    read = [c for c in found if c.name.casefold() in used | names]
    safe = pushed(tree, {c.name.casefold(): c for c in schema}, quote)
    query = select(read, extraction, " AND ".join(filter(None, (safe, within))), dialect)
    items = ", ".join(quote(column.name) for column in wanted)
    return f"SELECT {items} FROM {_query(alias, query)} WHERE {condition}"


def _window(found: Sequence[NativeColumn], extraction: Extraction) -> str:
    if extraction.window is None:
        return ""
    (column,) = chosen(found, [extraction.window.column])
    return condition_of(extraction.window, column)


def _query(alias: str, query: str) -> str:
    return f"postgres_query({literal(alias)}, {literal(query)})"
