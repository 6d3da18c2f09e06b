"""Supabase: PostgreSQL as a service."""

from __future__ import annotations

from typing import Any, ClassVar

from engine.connectors.postgresql import Postgresql


class Supabase(Postgresql):
    """By its direct address, or its pooler in session mode."""

    slug: ClassVar[str] = "supabase"
    label: ClassVar[str] = "Supabase"
    aliases: ClassVar[tuple[str, ...]] = ()
    example: ClassVar[dict[str, Any]] = {
        "host": "db.example.supabase.co",
        "database": "postgres",
        "user": "postgres",
        "password": "…",
        "sslmode": "require",
    }


CONNECTOR = Supabase
