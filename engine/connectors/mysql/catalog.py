"""What is in a database: its tables, their columns, and what a query would yield."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.connectors.mysql.types import NativeType
from engine.errors import ConnectorError, TableNotFound
from engine.schema import Column
from engine.suggestion import nearest_to
from engine.transfer import Extraction, TableName

if TYPE_CHECKING:
    from pymysql import Connection

_TABLES = """
SELECT table_schema, table_name FROM information_schema.tables
WHERE table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')
ORDER BY table_schema, table_name
"""
_ESTIMATES = """
SELECT table_schema, table_name, table_rows FROM information_schema.tables
WHERE table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')
  AND table_rows IS NOT NULL
"""
_COLUMNS = """
SELECT column_name, data_type, column_type, numeric_precision, numeric_scale, datetime_precision,
       character_maximum_length, is_nullable, column_default, extra
FROM information_schema.columns
WHERE table_schema = coalesce(nullif(%s, ''), database()) AND table_name = %s
ORDER BY ordinal_position
"""
_UNIQUE = """
SELECT index_name, column_name, sub_part FROM information_schema.statistics
WHERE table_schema = coalesce(nullif(%s, ''), database()) AND table_name = %s AND non_unique = 0
"""
#: What a driver is told about the columns of a query, by number.
_CODES = {
    0: "decimal", 246: "decimal", 1: "tinyint", 2: "smallint", 9: "mediumint", 3: "int",
    8: "bigint", 4: "float", 5: "double", 10: "date", 12: "datetime", 7: "timestamp", 11: "time",
    13: "year", 16: "bit", 245: "json", 255: "geometry", 247: "enum", 248: "set", 6: "varchar",
    15: "varchar", 253: "varchar", 254: "char", 249: "text", 250: "text", 251: "text", 252: "text",
}  # fmt: skip
_BINARY_CHARSET = 63
_UNSIGNED_FLAG, _NOT_NULL_FLAG = 32, 1
_BINARY_OF = {"varchar": "varbinary", "char": "binary", "text": "blob"}


@dataclass(frozen=True, slots=True)
class NativeColumn:
    """A column of a table or a query as the server has it."""

    name: str
    type: NativeType
    is_nullable: bool = True
    has_default: bool = False
    is_generated: bool = False
    unique_in: tuple[str, ...] = ()

    def described(self) -> Column:
        """Raises ``ConnectorError`` for a type that cannot be carried exactly."""
        if not self.type.duckdb:
            raise ConnectorError(
                f"column '{self.name}' ({self.type.text}) has a type that cannot be carried "
                f"exactly; leave it out, or read it in a query as text: "
                f"CAST({quote(self.name)} AS CHAR)",
                code="E_COLUMN_TYPE",
                permanent=True,
            )
        return Column(
            self.name,
            self.type.duckdb,
            native_type=self.type.text,
            is_nullable=self.is_nullable,
            has_default=self.has_default,
            unique_in=self.unique_in,
        )


def quote(identifier: str) -> str:
    return "`" + identifier.replace("`", "``") + "`"


def qualified(table: TableName) -> str:
    """The table's name in SQL; its schema is a database."""
    name = quote(table.table)
    return f"{quote(table.schema)}.{name}" if table.schema else name


def rows_of(connection: Connection, statement: str, values: Sequence[Any] = ()) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, tuple(values) or None)
        return list(cursor.fetchall())


def tables(connection: Connection) -> list[TableName]:
    """Tables and views the user may see, in order of their names."""
    return [TableName(*row) for row in rows_of(connection, _TABLES)]


def estimates(connection: Connection) -> dict[TableName, int]:
    """Rows of tables; InnoDB guesses them from some of its pages."""
    return {TableName(*row[:2]): int(row[2]) for row in rows_of(connection, _ESTIMATES)}


def relation_of(extraction: Extraction) -> str:
    """What the extraction reads from, as an item of a FROM clause."""
    if extraction.table:
        return qualified(extraction.table)
    query = extraction.sql.strip().rstrip(";").rstrip()
    return f"({query}\n) AS query"


def columns(connection: Connection, extraction: Extraction) -> list[NativeColumn]:
    """Every column that can be read, whichever are asked for; no row is read.

    Raises ``TableNotFound`` with the nearest name there is.
    """
    found = (
        table_columns(connection, extraction.table)
        if extraction.table
        else _query_columns(connection, extraction)
    )
    for name, count in Counter(column.name.casefold() for column in found).items():
        if count > 1:
            raise ConnectorError(
                f"the query yields {count} columns called '{name}'; names must differ whatever "
                "their case, so give each an alias (AS)",
                code="E_COLUMN_AMBIGUOUS",
                permanent=True,
            )
    return found


def table_columns(connection: Connection, table: TableName) -> list[NativeColumn]:
    """Columns of a table or view. Raises ``TableNotFound``."""
    where = [table.schema, table.table]
    rows = rows_of(connection, _COLUMNS, where)
    if not rows:
        raise _missing(connection, table)
    indexes: dict[str, list[str]] = {}
    partial = set()
    for index, column, prefix in rows_of(connection, _UNIQUE, where):
        indexes.setdefault(column, []).append(index)
        if prefix is not None or column is None:
            partial.add(index)
    return [_table_column(row, indexes.get(row[0], ()), partial) for row in rows]


def target_columns(connection: Connection, table: TableName) -> list[NativeColumn]:
    """Columns that can be written: no generated ones."""
    return [column for column in table_columns(connection, table) if not column.is_generated]


def _table_column(row: Sequence[Any], indexes: Sequence[str], partial: set[str]) -> NativeColumn:
    name, type_, text, precision, scale, fraction, length, nullable, default, extra = row
    type_ = str(type_).lower()
    native = NativeType(
        "decimal" if type_ == "numeric" else type_,
        str(text),
        int(precision or 0),
        int(fraction if fraction is not None else scale or 0),
        "unsigned" in str(text),
        int(length) if length is not None else None,
    )
    extra = str(extra or "").lower()
    return NativeColumn(
        str(name),
        native,
        is_nullable=nullable == "YES",
        has_default=default is not None or "auto_increment" in extra,
        is_generated="generated" in extra and "default_generated" not in extra,
        unique_in=tuple(index for index in indexes if index not in partial),
    )


def _query_columns(connection: Connection, extraction: Extraction) -> list[NativeColumn]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {relation_of(extraction)} LIMIT 0")
        return [_query_column(field) for field in cursor._result.fields]


def _query_column(field: Any) -> NativeColumn:
    name = _CODES.get(field.type_code, "")
    if field.charsetnr == _BINARY_CHARSET:
        name = _BINARY_OF.get(name, name)
    is_unsigned = bool(field.flags & _UNSIGNED_FLAG)
    precision = scale = 0
    if name == "decimal":
        scale = field.scale
        precision = field.length - (scale > 0) - (not is_unsigned)
    shown = f"{name}({precision},{scale})" if precision else name or f"type {field.type_code}"
    native = NativeType(name, shown + " unsigned" * is_unsigned, precision, scale, is_unsigned)
    return NativeColumn(field.name, native, is_nullable=not field.flags & _NOT_NULL_FLAG)


def _missing(connection: Connection, table: TableName) -> TableNotFound:
    """The error for a table that is not there, with the nearest one that is."""
    database = rows_of(connection, "SELECT database()")[0][0]
    names = [str(known) for known in tables(connection)]
    wanted = table if table.schema else TableName(database, table.table)
    nearest = nearest_to(str(wanted), names)
    hint = f"did you mean '{nearest}'?" if nearest else "check database and table"
    return TableNotFound(f"there is no table '{table}' in database '{wanted.schema}'; {hint}")
