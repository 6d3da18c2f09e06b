"""Yellowbrick, by its PostgreSQL interface."""

from __future__ import annotations

from typing import Any, ClassVar

from engine.connectors.postgresql.as_text import PostgresqlAsText
from engine.connectors.postgresql.dialect import Dialect


class Yellowbrick(PostgresqlAsText):
    """Without advisory locks and binary COPY out."""

    slug: ClassVar[str] = "yellowbrick"
    label: ClassVar[str] = "Yellowbrick"
    aliases: ClassVar[tuple[str, ...]] = ()
    dialect: ClassVar[Dialect] = Dialect(
        has_advisory_locks=False, has_binary_copy_out=False, has_snapshots=False
    )
    example: ClassVar[dict[str, Any]] = PostgresqlAsText.example


CONNECTOR = Yellowbrick
