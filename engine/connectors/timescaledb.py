"""TimescaleDB: PostgreSQL with an extension."""

from __future__ import annotations

from typing import Any, ClassVar

from engine.connectors.postgresql import Postgresql


class Timescaledb(Postgresql):
    """Hypertables are read and written like tables."""

    slug: ClassVar[str] = "timescaledb"
    label: ClassVar[str] = "TimescaleDB"
    aliases: ClassVar[tuple[str, ...]] = ("timescale", "timescale_db")
    example: ClassVar[dict[str, Any]] = {**Postgresql.example, "database": "tsdb"}


CONNECTOR = Timescaledb
