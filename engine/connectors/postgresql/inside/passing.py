"""A column on its way through a chain of nodes."""

from __future__ import annotations

from dataclasses import dataclass

from engine.connectors.postgresql.types import NativeType


@dataclass(frozen=True, slots=True)
class Passing:
    """How PostgreSQL spells it, and what it is in DuckDB and was in the table."""

    name: str
    sql: str
    type: str
    #: Of a column that nothing was done to.
    native: NativeType | None = None
