"""Makes the table of a load that brings its own, in the load's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.connectors.postgresql.catalog import qualified
from engine.connectors.postgresql.types import native_type
from engine.errors import LoadRefused
from engine.schema import Column, quote
from engine.transfer import Load

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]


def create_missing(connection: Connection, load: Load) -> None:
    """Create the load's table if it may and there is none; an upsert's keys are its primary key.

    Raises ``LoadRefused`` naming the column that PostgreSQL has no type for.
    """
    name = qualified(load.table)
    is_there = connection.execute("SELECT to_regclass(%s)", [name]).fetchone() != (None,)
    if is_there or not load.creates:
        return
    fields = [f"{quote(column.name)} {_type(column, load)}" for column in load.creates]
    if load.mode == "upsert":
        fields.append(f"PRIMARY KEY ({', '.join(map(quote, load.keys))})")
    connection.execute(f"CREATE TABLE {name} ({', '.join(fields)})")


def _type(column: Column, load: Load) -> str:
    native = native_type(column.type)
    if not native:
        raise LoadRefused(
            f"table '{load.table}' cannot be created: PostgreSQL has no type for column "
            f"'{column.name}' ({column.type}); cast it in a select node before",
            code="E_COLUMN_TYPE",
        )
    return native
