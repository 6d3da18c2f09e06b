"""Rows as Arrow, for what DuckDB does not read or write by itself; no value changes on the way.

| DuckDB | Arrow |
|---|---|
| BOOLEAN, (U)TINYINT … (U)BIGINT, FLOAT, DOUBLE | bool, (u)int8 … (u)int64, float, double |
| DECIMAL(p,s) | decimal128(p, s) |
| VARCHAR, BLOB | string, binary |
| DATE, TIME | date32, time64[us] |
| TIMESTAMP, _S, _MS, _NS | timestamp[us], [s], [ms], [ns] |
| TIMESTAMP WITH TIME ZONE | timestamp[us, UTC] |
| INTERVAL | month_day_nano_interval |
| T[] | list of T |
| every other (HUGEINT, UUID, JSON, BIT, TIMETZ…) | string, as DuckDB writes and reads it |
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from engine.schema import Column, Schema, quote

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_ALIASES = {
    "BOOLEAN": "bool",
    "TINYINT": "int8",
    "SMALLINT": "int16",
    "INTEGER": "int32",
    "BIGINT": "int64",
    "UTINYINT": "uint8",
    "USMALLINT": "uint16",
    "UINTEGER": "uint32",
    "UBIGINT": "uint64",
    "FLOAT": "float",
    "DOUBLE": "double",
    "VARCHAR": "string",
    "BLOB": "binary",
    "DATE": "date32",
    "TIME": "time64[us]",
    "TIMESTAMP_S": "timestamp[s]",
    "TIMESTAMP_MS": "timestamp[ms]",
    "TIMESTAMP": "timestamp[us]",
    "TIMESTAMP_NS": "timestamp[ns]",
    "INTERVAL": "month_day_nano_interval",
}
#: Rows of a batch that leaves, unless told otherwise.
BATCH_ROWS = 10_000


def arrow_schema(schema: Schema) -> pa.Schema:
    """What batches of rows of ``schema`` look like."""
    import pyarrow as pa

    return pa.schema([(column.name, _arrow_type(column.type)) for column in schema])


def arrived(column: Column) -> str:
    """DuckDB's expression for a column of such a batch, in the column's own type."""
    name = quote(column.name)
    return f"CAST({name} AS {column.type}) AS {name}" if _is_text(column.type) else name


def batches(
    session: duckdb.DuckDBPyConnection, query: str, size: int = BATCH_ROWS
) -> Generator[pa.RecordBatch, None, None]:
    """The rows of ``query``, at most ``size`` at once; it goes on as they are asked for.

    Until the last is out, ``session`` can do nothing else; its profile then has the whole
    query. Raises what DuckDB raises. To give up, close the iterator.
    """
    described = session.execute(f"DESCRIBE {query}").fetchall()
    items = ", ".join(_leaving(str(name), str(type_)) for name, type_, *_ in described)
    reader = session.execute(f"SELECT {items} FROM ({query}\n)").to_arrow_reader(size)
    try:
        yield from reader
    finally:
        reader.close()


def _arrow_type(type_: str) -> pa.DataType:
    import pyarrow as pa

    if type_.endswith("[]"):
        return pa.string() if _is_text(type_) else pa.list_(_arrow_type(type_[:-2]))
    if type_.startswith("DECIMAL("):
        precision, _, scale = type_[8:-1].partition(",")
        return pa.decimal128(int(precision), int(scale))
    if type_ == "TIMESTAMP WITH TIME ZONE":
        return pa.timestamp("us", "UTC")
    return pa.type_for_alias(_ALIASES.get(type_, "string"))


def _is_text(type_: str) -> bool:
    """Whether Arrow has no equal, or none that DuckDB takes for the same."""
    element = type_
    while element.endswith("[]"):
        element = element[:-2]
    is_known = element in _ALIASES or element == "TIMESTAMP WITH TIME ZONE"
    return not is_known and not element.startswith("DECIMAL(")


def _leaving(name: str, type_: str) -> str:
    column = quote(name)
    return f"CAST({column} AS VARCHAR) AS {column}" if _is_text(type_) else column
