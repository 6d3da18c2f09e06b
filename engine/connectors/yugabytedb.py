"""YugabyteDB, by its PostgreSQL interface."""

from __future__ import annotations

from typing import Any, ClassVar

from engine.connectors.postgresql import Postgresql
from engine.connectors.postgresql.dialect import Dialect


class Yugabytedb(Postgresql):
    """Without advisory locks, and emptied by DELETE: TRUNCATE is not undone there."""

    slug: ClassVar[str] = "yugabytedb"
    label: ClassVar[str] = "YugabyteDB"
    aliases: ClassVar[tuple[str, ...]] = ("yugabyte", "yugabyte_db")
    dialect: ClassVar[Dialect] = Dialect(
        has_advisory_locks=False, has_transactional_truncate=False, has_snapshots=False
    )
    example: ClassVar[dict[str, Any]] = {**Postgresql.example, "port": 5433}


CONNECTOR = Yugabytedb
