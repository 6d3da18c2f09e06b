"""CockroachDB, by its PostgreSQL interface."""

from __future__ import annotations

from typing import Any, ClassVar

from engine.connectors.postgresql.as_text import PostgresqlAsText
from engine.connectors.postgresql.dialect import Dialect


class Cockroachdb(PostgresqlAsText):
    """Its advisory locks lock nothing, it has no binary COPY out, and TRUNCATE is DDL there."""

    slug: ClassVar[str] = "cockroachdb"
    label: ClassVar[str] = "CockroachDB"
    aliases: ClassVar[tuple[str, ...]] = (
        "cockroach",
        "cockroach_db",
        "cockroach_db_aws",
        "cockroach_db_gcp",
        "cockroach_db_azure",
    )
    dialect: ClassVar[Dialect] = Dialect(
        has_advisory_locks=False,
        has_binary_copy_out=False,
        has_transactional_truncate=False,
        has_snapshots=False,
    )
    example: ClassVar[dict[str, Any]] = {**PostgresqlAsText.example, "port": 26257}


CONNECTOR = Cockroachdb
