"""How rows get from PostgreSQL into DuckDB: one binary COPY of a generated SELECT."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp

from engine.connector import Extraction
from engine.connectors.postgresql.catalog import NativeColumn, choose, relation_of
from engine.connectors.postgresql.config import PostgresqlConfig
from engine.connectors.postgresql.window import condition as condition_of
from engine.expression import to_sql
from engine.schema import Schema, quote

if TYPE_CHECKING:
    import duckdb
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

_SIGNS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_INTEGERS = {"SMALLINT", "INTEGER", "BIGINT"}
#: Rows read for one that is wanted, where only DuckDB can tell which meet the filter.
_TRIED_PER_ROW = 100

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


def attach_statements(config: PostgresqlConfig, alias: str) -> Iterator[str]:
    """The password goes into a secret, where DuckDB shows it to nobody.

    Between queries no connection is held: a plan may attach a database many times.
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
    options = make_conninfo("", **config.driver_options(alias=alias, is_read_only=True))
    yield (
        f"ATTACH {literal(options)} AS {quote(alias)} "
        f"(TYPE postgres, SECRET {quote(alias)}, READ_ONLY)"
    )


def select(columns: Iterable[NativeColumn], extraction: Extraction, condition: str = "") -> str:
    """PostgreSQL's SELECT of ``columns``, each read so that nothing is lost.

    Where DuckDB filters, it gets more rows than are wanted in the end.
    """
    items = ", ".join(
        f"{column.type.read(column.name)} AS {quote(column.name)}" for column in columns
    )
    where = f" WHERE {condition}" if condition else ""
    most = extraction.limit and extraction.limit * (_TRIED_PER_ROW if extraction.filter else 1)
    limit = f" LIMIT {most}" if most else ""
    return f"SELECT {items} FROM {relation_of(extraction)}{where}{limit}"


def relation(found: Sequence[NativeColumn], extraction: Extraction, alias: str) -> str:
    """DuckDB's SELECT over the attached database.

    The filter is DuckDB's to decide, so that it means the same for every source; what can
    be compared in PostgreSQL without any difference is compared there as well, so that
    fewer rows travel.
    """
    wanted = choose(found, extraction.columns)
    within = _window(found, extraction)
    if not extraction.filter:
        return f"SELECT * FROM {_query(alias, select(wanted, extraction, within))}"
    schema = Schema(tuple(column.described() for column in found))
    condition = to_sql(extraction.filter, schema, extraction.parameters or {})
    tree = sqlglot.parse_one(condition, read="duckdb")
    used = {node.name.casefold() for node in tree.find_all(exp.Column)}
    names = {column.name.casefold() for column in wanted}
    read = [c for c in found if c.name.casefold() in used | names]
    pushed = _pushed(tree, {c.name.casefold(): c for c in found})
    query = select(read, extraction, " AND ".join(filter(None, (pushed, within))))
    items = ", ".join(quote(column.name) for column in wanted)
    return f"SELECT {items} FROM {_query(alias, query)} WHERE {condition}"


def _window(found: Sequence[NativeColumn], extraction: Extraction) -> str:
    if extraction.window is None:
        return ""
    (column,) = choose(found, [extraction.window.column])
    return condition_of(extraction.window, column)


def _query(alias: str, query: str) -> str:
    return f"postgres_query({literal(alias)}, {literal(query)})"


def _pushed(condition: exp.Expr, columns: dict[str, NativeColumn]) -> str:
    """The part of a condition that is the same in PostgreSQL, or an empty string.

    Of the terms joined by AND: integer columns compared with integers, and IS [NOT] NULL.
    """
    condition = condition.unnest()
    terms = condition.flatten() if isinstance(condition, exp.And) else [condition]
    safe = (_null_test(term, columns) or _comparison(term, columns) for term in terms)
    return " AND ".join(term for term in safe if term)


def _null_test(term: exp.Expr, columns: dict[str, NativeColumn]) -> str:
    term = term.unnest()
    inner = term.this.unnest() if isinstance(term, exp.Not) else term
    native = _native(inner, columns)
    is_test = isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null)
    if native is None or not is_test:
        return ""
    return f"{quote(native.name)} IS {'' if inner is term else 'NOT '}NULL"


def _comparison(term: exp.Expr, columns: dict[str, NativeColumn]) -> str:
    term = term.unnest()
    native = _native(term, columns)
    value = term.args.get("expression")
    if native is None or native.type.duckdb not in _INTEGERS or type(term) not in _SIGNS:
        return ""
    if not isinstance(value, exp.Literal) or not value.is_int:
        return ""
    return f"{quote(native.name)} {_SIGNS[type(term)]} {value.name}"


def _native(term: exp.Expr, columns: dict[str, NativeColumn]) -> NativeColumn | None:
    """The column on the left of ``term``."""
    left = term.args.get("this")
    return columns.get(left.name.casefold()) if isinstance(left, exp.Column) else None


def literal(text: str) -> str:
    """An SQL string; the same in DuckDB and, with its default settings, in PostgreSQL."""
    return "'" + text.replace("'", "''") + "'"
