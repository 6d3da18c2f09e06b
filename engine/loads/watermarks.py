"""Watermarks on the target: up to where a target has what a source reads.

One row per (workflow, source node, target node), next to the ledger and moved in the same
transaction. A watermark that others moved since it was read is not moved again: what was
read from there is loaded already.
"""

from __future__ import annotations

from engine.errors import ConnectorError
from engine.loads.ledger import Books
from engine.transfer import Load, Watermark

_KEY = "workflow_id = %s AND node = %s AND target = %s"


def read(books: Books, mark: Watermark) -> str | None:
    """The value in the source's own text form; None before the first load."""
    row = books.find(
        f"SELECT {books.quote('value')} FROM {books.watermark} WHERE {_KEY} "
        f"AND {books.quote('scope')} = %s",
        [*_key(mark), mark.scope],
    )
    return str(row[0]) if row else None


def move(books: Books, load: Load) -> None:
    """Move the watermarks of ``load``. Raises ``ConnectorError`` where another load did."""
    for mark in load.watermarks:
        if not (_update(books, load, mark) or _insert(books, load, mark)):
            raise ConnectorError(
                f"another run has moved the watermark of node '{mark.source}' while this one "
                "was loading, so nothing was loaded; run it again",
                code="E_WATERMARK_MOVED",
            )


def _update(books: Books, load: Load, mark: Watermark) -> bool:
    scope, value = books.quote("scope"), books.quote("value")
    statement = (
        f"UPDATE {books.watermark} SET {value} = %s, run_id = %s, moved_at = CURRENT_TIMESTAMP, "
        f"{scope} = %s WHERE {_KEY} AND ({scope} <> %s OR {value} = %s)"
    )
    found = [mark.scope, mark.before]
    return books.change(statement, [mark.after, load.run_id, mark.scope, *_key(mark), *found]) > 0


def _insert(books: Books, load: Load, mark: Watermark) -> bool:
    row = {
        "workflow_id": mark.workflow_id,
        "node": mark.source,
        "target": mark.target,
        "scope": mark.scope,
        "value": mark.after,
        "run_id": load.run_id,
    }
    return books.enter(books.watermark, row)


def _key(mark: Watermark) -> list[str]:
    return [mark.workflow_id, mark.source, mark.target]
