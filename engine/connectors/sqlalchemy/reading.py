"""Rows of a database through its driver, in Arrow batches."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from engine.connectors.sqlalchemy import window
from engine.connectors.sqlalchemy.catalog import reflected, result_of
from engine.connectors.sqlalchemy.config import SqlalchemyConfig
from engine.connectors.sqlalchemy.types import array
from engine.schema import Schema
from engine.stages.pushing import TRIED_PER_ROW
from engine.streams.arrow import arrow_schema
from engine.streams.streaming import Stream
from engine.transfer import Extraction

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Connection

_BATCH_ROWS = 5_000
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
    result = result_of(connection, extraction, most)
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
