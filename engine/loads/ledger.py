"""The ledger that makes loads exactly once.

One row per (run, node), written in the transaction that loads the rows: either both are
there or neither is. A retry that finds its row has nothing left to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from engine.transfer import Load


class Books(Protocol):
    """The tables that a target database keeps about its loads, in one session of it.

    Statements are SQL that every database takes; ``%s`` stands for a value.
    """

    #: Names in SQL.
    ledger: str
    watermark: str

    def quote(self, name: str) -> str: ...

    def find(self, statement: str, values: Sequence[Any]) -> Sequence[Any] | None:
        """The first row of an answer."""

    def change(self, statement: str, values: Sequence[Any]) -> int:
        """Rows that a statement has changed."""

    def enter(self, table: str, row: Mapping[str, Any]) -> bool:
        """Insert ``row`` unless there is one of its key; say whether it was inserted.

        Waits for a transaction that has entered the same key and not ended yet.
        """


def claim(books: Books, load: Load) -> int | None:
    """Enter the load; None when it is entered now, else the rows it loaded before."""
    row = {
        "run_id": load.run_id,
        "node": load.node,
        "target": str(load.table),
        "mode": load.mode,
        "rows": 0,
    }
    if books.enter(books.ledger, row):
        return None
    query = f"SELECT {books.quote('rows')} FROM {books.ledger} WHERE run_id = %s AND node = %s"
    found = books.find(query, [load.run_id, load.node])
    assert found, "a conflicting ledger row is committed, hence visible"
    return int(found[0])


def record(books: Books, load: Load, rows: int) -> None:
    """Write down how many rows the claimed load has put into the table."""
    books.change(
        f"UPDATE {books.ledger} SET {books.quote('rows')} = %s, loaded_at = CURRENT_TIMESTAMP "
        "WHERE run_id = %s AND node = %s",
        [rows, load.run_id, load.node],
    )
