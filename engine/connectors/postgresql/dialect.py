"""What a database that speaks PostgreSQL's protocol does otherwise than PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    #: Loads of a table wait for each other by an advisory lock, else by a locked row.
    has_advisory_locks: bool = True
    #: Rows are read by a binary COPY, else by a plain query whose answer is text.
    has_binary_copy_out: bool = True
    #: A table is emptied by TRUNCATE, else by DELETE.
    has_transactional_truncate: bool = True
    #: Sessions can read at the moment of another: pg_export_snapshot.
    has_snapshots: bool = True


POSTGRESQL = Dialect()
