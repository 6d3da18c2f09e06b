"""The ledger that makes loads exactly once.

One row per (run, node), written in the transaction that loads the rows: either both are
there or neither is. A retry that finds its row has nothing left to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.connector import Load
from engine.errors import AccessDenied
from engine.schema import quote

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

_TABLE = "load_ledger"
#: Serializes the making of ledgers and watermarks; any constant that nothing else uses.
MAKING = 0x464C4F57


def prepare(connection: Connection, schema: str) -> None:
    """Make the ledger when it is missing; several may try at once.

    Raises ``AccessDenied``, saying what an owner of the database has to do.
    """
    import psycopg

    if connection.execute("SELECT to_regclass(%s)", [_name(schema)]).fetchone() != (None,):
        return
    try:
        _make(connection, schema)
    except psycopg.errors.InsufficientPrivilege as error:
        user = quote(connection.info.user)
        raise AccessDenied(
            f"role '{connection.info.user}' may not make the ledger {_name(schema)}, without which "
            "no load is exactly once; let an owner of the database run once: "
            f"CREATE SCHEMA {quote(schema)} AUTHORIZATION {user}"
        ) from error


def _make(connection: Connection, schema: str) -> None:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [MAKING])
        # IF NOT EXISTS would ask for the right to create even where nothing is created.
        if connection.execute("SELECT to_regnamespace(%s)", [quote(schema)]).fetchone() == (None,):
            connection.execute(f"CREATE SCHEMA {quote(schema)}")
        connection.execute(
            f"""
            CREATE TABLE IF NOT EXISTS {_name(schema)} (
                run_id text NOT NULL,
                node text NOT NULL,
                target text NOT NULL,
                mode text NOT NULL,
                rows bigint NOT NULL DEFAULT 0,
                loaded_at timestamptz NOT NULL DEFAULT now(),
                PRIMARY KEY (run_id, node)
            )
            """
        )


def claim(connection: Connection, schema: str, load: Load) -> int | None:
    """Enter the load; None when it is entered now, else the rows it loaded before.

    Waits for a transaction that has entered the same load and not ended yet.
    """
    entered = connection.execute(
        f"""
        INSERT INTO {_name(schema)} (run_id, node, target, mode) VALUES (%s, %s, %s, %s)
        ON CONFLICT DO NOTHING RETURNING run_id
        """,
        [load.run_id, load.node, str(load.table), load.mode],
    ).fetchone()
    if entered:
        return None
    key = [load.run_id, load.node]
    found = connection.execute(
        f"SELECT rows FROM {_name(schema)} WHERE run_id = %s AND node = %s", key
    ).fetchone()
    assert found, "a conflicting ledger row is committed, hence visible"
    return int(found[0])


def record(connection: Connection, schema: str, load: Load, rows: int) -> None:
    """Write down how many rows the claimed load has put into the table."""
    connection.execute(
        f"UPDATE {_name(schema)} SET rows = %s, loaded_at = now() WHERE run_id = %s AND node = %s",
        [rows, load.run_id, load.node],
    )


def _name(schema: str) -> str:
    return f"{quote(schema)}.{_TABLE}"
