"""Rows of a database through its driver, in Arrow batches."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from engine.columns.choosing import chosen
from engine.connector import Extraction, TableName
from engine.connectors.sqlalchemy import window
from engine.connectors.sqlalchemy.config import SqlalchemyConfig
from engine.connectors.sqlalchemy.types import array, duckdb_type, seen_type
from engine.errors import TableNotFound
from engine.schema import Column, Schema
from engine.stages.pushing import TRIED_PER_ROW
from engine.streams.arrow import arrow_schema
from engine.streams.streaming import Stream
from engine.suggestion import nearest_to

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Connection, CursorResult, Engine, Table

_BATCH_ROWS = 5_000
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
#: A session only reads, and writes values as text that says all of them.
_SESSION = {
    "postgresql": (
        "SET TRANSACTION READ ONLY",
        "SET datestyle = 'ISO'",
        "SET intervalstyle = 'postgres'",
        "SET extra_float_digits = 3",
    ),
    "oracle": ("SET TRANSACTION READ ONLY",),
    "sqlite": ("PRAGMA query_only = ON",),
}


@contextlib.contextmanager
def reading(config: SqlalchemyConfig) -> Iterator[Connection]:
    """A connection that only reads, as far as the database can be told so; undone in the end."""
    with config.engine().connect() as connection:
        for statement in _SESSION.get(connection.dialect.name, ()):
            connection.exec_driver_sql(statement)
        yield connection


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


def end(connection: Connection) -> None:
    """Have the driver end what it is doing, if it can be told to, from another thread."""
    with contextlib.suppress(Exception):
        driver: Any = connection.connection.driver_connection
        for name in ("cancel", "interrupt"):
            if hasattr(driver, name):
                getattr(driver, name)()


def stream(config: SqlalchemyConfig, extraction: Extraction, schema: Schema) -> Stream:
    holder: list[Connection] = []

    def stop() -> None:
        for connection in holder:
            end(connection)

    def batches() -> Generator[pa.RecordBatch, None, None]:
        import pyarrow as pa

        wanted = arrow_schema(schema)
        with reading(config) as connection:
            holder.append(connection)
            for rows in _partitions(connection, extraction, schema):
                columns = zip(*rows, strict=True)
                arrays = [array(c, f) for c, f in zip(columns, wanted, strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, schema=wanted)

    return Stream(batches(), stop)


def _partitions(
    connection: Connection, extraction: Extraction, schema: Schema
) -> Iterator[Sequence[Sequence[Any]]]:
    import sqlalchemy as sa

    connection = connection.execution_options(stream_results=True, max_row_buffer=_BATCH_ROWS)
    most = extraction.limit and extraction.limit * (TRIED_PER_ROW if extraction.filter else 1)
    if extraction.table:
        table = reflected(connection, extraction.table)
        by_name = {column.name.casefold(): column for column in table.columns}
        query = sa.select(*(_read(by_name[name.casefold()], schema) for name in schema.names))
        if extraction.window:
            query = query.where(*window.conditions(extraction.window, table.columns))
        yield from connection.execute(query.limit(most)).partitions(_BATCH_ROWS)
        return
    result = _result(connection, extraction, most)
    places = {name.casefold(): place for place, name in enumerate(result.keys())}
    wanted = [places[name.casefold()] for name in schema.names]
    for rows in result.partitions(_BATCH_ROWS):
        yield [[row[place] for place in wanted] for row in rows]


def _read(column: Any, schema: Schema) -> Any:
    """What DuckDB has no equal for is made text by the database itself.

    Floats come as floats: some dialects would make decimals of them, and round.
    """
    from sqlalchemy import cast, type_coerce
    from sqlalchemy import types as sa

    found = schema.find(column.name)
    if found is not None and found.type == "DOUBLE":
        return type_coerce(column, sa.Float())
    is_text = found is not None and found.type == "VARCHAR"
    if is_text and not isinstance(column.type, sa.String | sa.Enum):
        return cast(column, sa.Text)
    return column


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
    result = _result(connection, extraction, _SEEN_ROWS)
    names, rows = list(result.keys()), result.fetchmany(_SEEN_ROWS)
    result.close()
    return Schema.of((name, seen_type([row[i] for row in rows])) for i, name in enumerate(names))


def _result(connection: Connection, extraction: Extraction, most: int | None) -> CursorResult[Any]:
    """Rows of a query, as a part of another one, so that it can only be one that reads."""
    import sqlalchemy as sa

    query = extraction.sql.strip().rstrip(";").rstrip()
    if most is None:
        return connection.exec_driver_sql(f"SELECT * FROM ({query}\n) query")
    text = sa.text("({}\n) query".format(query.replace(":", r"\:")))
    return connection.execute(sa.select(sa.literal_column("*")).select_from(text).limit(most))
