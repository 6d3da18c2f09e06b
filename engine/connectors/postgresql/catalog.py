"""What is in a database: its tables, their columns, and what a query would yield."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.connectors.postgresql.types import NativeType
from engine.errors import ConnectorError, TableNotFound
from engine.schema import Column, quote
from engine.suggestion import nearest_to
from engine.transfer import Extraction, TableName

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

_TABLES = """
SELECT n.nspname, c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_t%%'
  AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT, INSERT')
ORDER BY n.nspname, c.relname
"""

#: Believed since the last ANALYZE; before the first, it is below zero.
_ESTIMATES = """
SELECT n.nspname, c.relname, c.reltuples::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'f') AND c.reltuples >= 0
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_t%%'
"""

#: Types by oid and modifier. A query's columns come with their domains resolved.
_TYPES = """
SELECT CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN t.typname ELSE '' END,
       t.typtype::text, asked.modifier, format_type(asked.type, asked.modifier),
       format_type(asked.type, -1), NOT coalesce(a.attnotnull, false)
FROM unnest(%s::oid[], %s::int[], %s::oid[], %s::int[])
     WITH ORDINALITY AS asked(type, modifier, relation, number, position)
JOIN pg_type t ON t.oid = asked.type
LEFT JOIN pg_attribute a ON a.attrelid = asked.relation AND a.attnum = asked.number
ORDER BY asked.position
"""

_TARGET_COLUMNS = """
WITH RECURSIVE resolved(number, type, modifier) AS (
    SELECT attnum, atttypid, atttypmod FROM pg_attribute
    WHERE attrelid = %(table)s AND attnum > 0 AND NOT attisdropped
      AND attgenerated = '' AND attidentity <> 'a'
  UNION ALL
    SELECT number, t.typbasetype, greatest(t.typtypmod, modifier)
    FROM resolved JOIN pg_type t ON t.oid = resolved.type WHERE t.typtype = 'd'
), keyed(name, numbers) AS (
    SELECT indexrelid::regclass::text, (indkey::int2[])[0:indnkeyatts - 1] FROM pg_index
    WHERE indrelid = %(table)s AND indisunique AND indisvalid AND indimmediate
      AND indpred IS NULL AND indexprs IS NULL
      AND NOT EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = indrelid AND attnum = ANY(indkey)
        AND (attgenerated <> '' OR attidentity = 'a'))
)
SELECT a.attname,
       CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN t.typname ELSE '' END,
       t.typtype::text, resolved.modifier, format_type(t.oid, resolved.modifier),
       format_type(t.oid, -1),
       format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
       a.atthasdef OR a.attidentity <> '',
       ARRAY(SELECT name FROM keyed WHERE a.attnum = ANY(keyed.numbers) ORDER BY name)
FROM resolved
JOIN pg_type t ON t.oid = resolved.type AND t.typtype <> 'd'
JOIN pg_attribute a ON a.attrelid = %(table)s AND a.attnum = resolved.number
ORDER BY a.attnum
"""


@dataclass(frozen=True, slots=True)
class NativeColumn:
    """A column of a table or a query as PostgreSQL has it."""

    name: str
    type: NativeType
    is_nullable: bool = True
    has_default: bool = False
    #: The declared type, a domain's name included.
    declared: str = ""
    #: Unique indexes that an upsert can go by and that this column is part of.
    unique_in: tuple[str, ...] = ()

    def described(self) -> Column:
        return Column(
            self.name,
            self.type.duckdb,
            native_type=self.declared or self.type.text,
            is_nullable=self.is_nullable,
            has_default=self.has_default,
            unique_in=self.unique_in,
            caveat=self._caveat(),
        )

    def _caveat(self) -> str:
        limits = self.type.limits
        if not limits:
            return ""
        name = quote(self.name)
        return (
            f"{limits} fail the run; if there are such, read it in a query, cast to what they "
            f"need: CAST({name} AS numeric(38,20)), or AS text"
        )


def qualified(table: TableName) -> str:
    """The table's name in SQL."""
    name = quote(table.table)
    return f"{quote(table.schema)}.{name}" if table.schema else name


def tables(connection: Connection) -> list[TableName]:
    """Tables and views the role may read or write, in order of their names."""
    return [TableName(*row) for row in connection.execute(_TABLES)]


def estimates(connection: Connection) -> dict[TableName, int]:
    """Rows of tables since they were analyzed."""
    return {TableName(*row[:2]): row[2] for row in connection.execute(_ESTIMATES)}


def relation_of(extraction: Extraction) -> str:
    """What the extraction reads from, as an item of a FROM clause."""
    if extraction.table:
        return qualified(extraction.table)
    query = extraction.sql.strip().rstrip(";").rstrip()
    return f"({query}\n) AS query"


def columns(connection: Connection, extraction: Extraction) -> list[NativeColumn]:
    """Every column that can be read, whichever are asked for; nothing is executed.

    Raises ``TableNotFound`` with the nearest name there is.
    """
    import psycopg

    select = f"SELECT * FROM {relation_of(extraction)} LIMIT 0"
    try:
        # The extended protocol takes one statement only, so a query cannot smuggle in another.
        result = connection.execute(select, binary=True).pgresult
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
        if extraction.table is None:
            raise
        raise missing(connection, extraction.table) from error
    assert result is not None
    found = range(result.nfields)
    names = [(result.fname(i) or b"").decode() for i in found]
    _refuse_unusable(names)
    asked = (
        [result.ftype(i) for i in found],
        [result.fmod(i) for i in found],
        [result.ftable(i) for i in found],
        [result.ftablecol(i) for i in found],
    )
    rows = connection.execute(_TYPES, asked)
    return [
        NativeColumn(name, NativeType(*row[:5]), is_nullable=row[5])
        for name, row in zip(names, rows, strict=True)
    ]


def target_columns(connection: Connection, table: TableName) -> list[NativeColumn]:
    """Columns that can be written: no generated ones, no identities that are always so."""
    (oid,) = connection.execute("SELECT to_regclass(%s)::oid", [qualified(table)]).fetchone() or [0]
    if not oid:
        raise missing(connection, table)
    rows = connection.execute(_TARGET_COLUMNS, {"table": oid})
    return [
        NativeColumn(row[0], NativeType(*row[1:6]), row[7], row[8], row[6], tuple(row[9]))
        for row in rows
    ]


def missing(connection: Connection, table: TableName) -> TableNotFound:
    """The error for a table that is not there, with the nearest one that is."""
    names = [str(known) for known in tables(connection)]
    wanted = table if table.schema else TableName("public", table.table)
    nearest = nearest_to(str(wanted), names)
    hint = f"did you mean '{nearest}'?" if nearest else "check schema and table"
    database = connection.info.dbname
    return TableNotFound(f"there is no table '{table}' in database '{database}'; {hint}")


def _refuse_unusable(names: Sequence[str]) -> None:
    if not names:
        raise ConnectorError("it has no columns to read; choose another table", permanent=True)
    for name, count in Counter(name.casefold() for name in names).items():
        if count > 1:
            raise ConnectorError(
                f"the query yields {count} columns called '{name}'; names must differ whatever "
                "their case, so give each an alias (AS)",
                code="E_COLUMN_AMBIGUOUS",
                permanent=True,
            )
