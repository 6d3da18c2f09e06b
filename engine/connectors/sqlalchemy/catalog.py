"""Tables, columns and queries of a database, as SQLAlchemy and its dialect tell them."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING, Any

from engine.columns.choosing import chosen
from engine.connectors.sqlalchemy.types import duckdb_type, seen_type
from engine.errors import TableNotFound
from engine.schema import Column, Schema
from engine.suggestion import nearest_to
from engine.transfer import Extraction, TableName

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult, Engine, Table

#: A query says nothing of its types that every driver would mean alike: its first rows do.
_SEEN_ROWS = 1_000
#: Tables of the schema ``:own`` and about how many rows they have.
_IN_INFORMATION_SCHEMA = (
    "SELECT table_name, table_rows FROM information_schema.tables WHERE table_schema = :own"
)
_ESTIMATES = {
    "postgresql": "SELECT relname, reltuples FROM pg_class "
    "WHERE relnamespace = to_regnamespace(:own) AND relkind IN ('r', 'p', 'm') AND reltuples >= 0",
    "mysql": _IN_INFORMATION_SCHEMA,
    "mariadb": _IN_INFORMATION_SCHEMA,
    "oracle": "SELECT lower(table_name), num_rows FROM all_tables WHERE owner = upper(:own)",
    "mssql": "SELECT object_name(object_id), sum(rows) FROM sys.partitions "
    "WHERE index_id IN (0, 1) AND object_schema_name(object_id) = :own GROUP BY object_id",
    "snowflake": "SELECT lower(table_name), row_count FROM information_schema.tables "
    "WHERE table_schema = upper(:own)",
}


def reflected(engine: Engine | Connection, table: TableName) -> Table:
    """Raises ``TableNotFound`` with the nearest name there is."""
    import sqlalchemy as sa

    schema = table.schema or None
    try:
        with warnings.catch_warnings():  # of types it does not know: they are read as text
            warnings.simplefilter("ignore", sa.exc.SAWarning)
            return sa.Table(table.table, sa.MetaData(), schema=schema, autoload_with=engine)
    except sa.exc.NoSuchTableError:
        names = sa.inspect(engine).get_table_names(schema=schema)
        nearest = nearest_to(table.table, names)
        hint = f"did you mean '{nearest}'?" if nearest else "check schema and table"
        raise TableNotFound(f"there is no table '{table}'; {hint}") from None


def estimates(connection: Connection) -> dict[TableName, int]:
    """Rows of the default schema's tables, where the dialect is known to tell without counting."""
    import sqlalchemy as sa

    statement = _ESTIMATES.get(connection.dialect.name)
    own = sa.inspect(connection).default_schema_name or ""
    rows = connection.execute(sa.text(statement), {"own": own}) if statement else ()
    return {TableName(own, str(name)): int(count) for name, count in rows if count is not None}


def describe(connection: Connection, extraction: Extraction) -> Schema:
    found = (
        _of_table(connection, extraction.table)
        if extraction.table
        else _of_query(connection, extraction)
    )
    return Schema(tuple(chosen(found.columns, extraction.columns)))


def count(connection: Connection, table: TableName, most: int) -> int:
    """Rows of ``table``, up to ``most``."""
    import sqlalchemy as sa

    some = sa.select(sa.literal(1)).select_from(reflected(connection, table)).limit(most)
    found = connection.execute(sa.select(sa.func.count()).select_from(some.subquery())).scalar()
    return int(found or 0)


def result_of(
    connection: Connection, extraction: Extraction, most: int | None
) -> CursorResult[Any]:
    """Rows of a query, as a part of another one, so that it can only be one that reads."""
    import sqlalchemy as sa

    query = extraction.sql.strip().rstrip(";").rstrip()
    if most is None:
        return connection.exec_driver_sql(f"SELECT * FROM ({query}\n) query")
    text = sa.text("({}\n) query".format(query.replace(":", r"\:")))
    return connection.execute(sa.select(sa.literal_column("*")).select_from(text).limit(most))


def target_columns(connection: Connection, table: TableName) -> list[Column]:
    """Columns that can be written, with the unique indexes they are part of."""
    found = reflected(connection, table)
    unique = _unique(connection, table)
    return [
        _described(
            column, connection, tuple(name for name in unique if column.name in unique[name])
        )
        for column in found.columns
        if column.computed is None and not (column.identity and column.identity.always)
    ]


def _unique(connection: Connection, table: TableName) -> dict[str, list[str]]:
    """Unique index → its columns; none that holds for some rows only, or for expressions."""
    import sqlalchemy as sa

    inspector, schema = sa.inspect(connection), table.schema or None
    found = {"primary key": inspector.get_pk_constraint(table.table, schema)["constrained_columns"]}
    for index in inspector.get_indexes(table.table, schema):
        is_partial = any("where" in option for option in index.get("dialect_options", {}))
        if index["unique"] and not is_partial and "expressions" not in index:
            found[str(index["name"])] = [str(name) for name in index["column_names"]]
    with contextlib.suppress(NotImplementedError):
        for constraint in inspector.get_unique_constraints(table.table, schema):
            found[f"constraint {constraint['name']}"] = constraint["column_names"]
    return found


def _of_table(connection: Connection, table: TableName) -> Schema:
    columns = reflected(connection, table).columns
    return Schema(tuple(_described(column, connection) for column in columns))


def _described(column: Any, connection: Connection, unique: tuple[str, ...] = ()) -> Column:
    return Column(
        str(column.name),
        duckdb_type(column.type, is_sqlite=connection.dialect.name == "sqlite"),
        native_type=_native(column.type, connection),
        is_nullable=bool(column.nullable),
        has_default=column.server_default is not None or column.identity is not None,
        unique_in=unique,
    )


def _native(type_: Any, connection: Connection) -> str:
    """The type as the database writes it; empty where SQLAlchemy does not know it."""
    from sqlalchemy.exc import CompileError

    try:
        return str(type_.compile(connection.dialect))
    except CompileError:
        return ""


def _of_query(connection: Connection, extraction: Extraction) -> Schema:
    result = result_of(connection, extraction, _SEEN_ROWS)
    names, rows = list(result.keys()), result.fetchmany(_SEEN_ROWS)
    result.close()
    return Schema.of((name, seen_type([row[i] for row in rows])) for i, name in enumerate(names))
