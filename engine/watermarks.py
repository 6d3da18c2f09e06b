"""Watermarks on the target: up to where a target has what a source reads.

One row per (workflow, source node, target node), next to the ledger and moved in the same
transaction. A watermark that others moved since it was read is not moved again: what was
read from there is loaded already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.connector import Load, Watermark
from engine.errors import ConnectorError
from engine.ledger import MAKING
from engine.schema import quote

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

_TABLE = "watermark"


def prepare(connection: Connection, schema: str) -> None:
    """Make the table when it is missing, in the ledger's schema; several may try at once."""
    if _is_there(connection, schema):
        return
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [MAKING])
        connection.execute(
            f"""
            CREATE TABLE IF NOT EXISTS {_name(schema)} (
                workflow_id text NOT NULL,
                node text NOT NULL,
                target text NOT NULL,
                scope text NOT NULL,
                value text NOT NULL,
                run_id text NOT NULL,
                moved_at timestamptz NOT NULL DEFAULT now(),
                PRIMARY KEY (workflow_id, node, target)
            )
            """
        )


def read(connection: Connection, schema: str, mark: Watermark) -> str | None:
    """The value in the source's own text form; None before the first load."""
    if not _is_there(connection, schema):
        return None
    row = connection.execute(
        f"SELECT value FROM {_name(schema)} "
        "WHERE workflow_id = %s AND node = %s AND target = %s AND scope = %s",
        [mark.workflow_id, mark.source, mark.target, mark.scope],
    ).fetchone()
    return str(row[0]) if row else None


def move(connection: Connection, schema: str, load: Load) -> None:
    """Move the watermarks of ``load``. Raises ``ConnectorError`` where another load did."""
    for mark in load.watermarks:
        moved = connection.execute(
            f"""
            INSERT INTO {_name(schema)} AS held (workflow_id, node, target, scope, value, run_id)
            VALUES (%(workflow)s, %(node)s, %(target)s, %(scope)s, %(after)s, %(run)s)
            ON CONFLICT (workflow_id, node, target) DO UPDATE
            SET scope = EXCLUDED.scope, value = EXCLUDED.value, run_id = EXCLUDED.run_id,
                moved_at = now()
            WHERE held.scope <> EXCLUDED.scope OR held.value = %(before)s
            """,
            {
                "workflow": mark.workflow_id,
                "node": mark.source,
                "target": mark.target,
                "scope": mark.scope,
                "before": mark.before,
                "after": mark.after,
                "run": load.run_id,
            },
        ).rowcount
        if not moved:
            raise ConnectorError(
                f"another run has moved the watermark of node '{mark.source}' while this one "
                "was loading, so nothing was loaded; run it again from the start",
                code="E_WATERMARK_MOVED",
            )


def _is_there(connection: Connection, schema: str) -> bool:
    return connection.execute("SELECT to_regclass(%s)", [_name(schema)]).fetchone() != (None,)


def _name(schema: str) -> str:
    return f"{quote(schema)}.{_TABLE}"
