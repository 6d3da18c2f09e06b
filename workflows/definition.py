"""A workflow as JSON: what the API, the editor, versions and imports exchange.

``definition`` (what runs) and ``layout`` (where nodes stand) are kept apart, so that
moving a node makes no new version.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from engine.plan import canonical_json


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NodeDefinition(_Part):
    key: str = Field(min_length=1, max_length=100)
    name: str = Field("", max_length=200)
    kind: str = Field(max_length=60)
    config: dict[str, Any] = {}
    retries: int = Field(0, ge=0, le=20)
    retry_delay_seconds: float = Field(10, ge=0, le=86_400)
    timeout_seconds: float | None = Field(None, gt=0)
    checkpoint: bool = False


class DependencyDefinition(_Part):
    source: str
    source_port: str = "out"
    target: str
    target_port: str = "in"


class ScheduleDefinition(_Part):
    slug: str = Field("default", max_length=60, pattern=r"^[-a-zA-Z0-9_]+$")
    cron: str = Field("", max_length=100)
    interval_seconds: int | None = Field(None, gt=0)
    run_at: datetime | None = None
    timezone: str = Field("UTC", max_length=60)
    is_active: bool = True


class Definition(_Part):
    """Everything that decides what runs and when."""

    name: str = Field(min_length=1, max_length=200)
    description: str = ""
    nodes: tuple[NodeDefinition, ...] = ()
    dependencies: tuple[DependencyDefinition, ...] = ()
    schedules: tuple[ScheduleDefinition, ...] = ()
    parameters: dict[str, Any] = {}
    tags: tuple[str, ...] = ()
    preferred_pool: str = ""
    needs_high_memory: bool = False
    estimated_rows: int | None = Field(None, ge=0)
    timeout_seconds: float | None = Field(None, gt=0)

    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON."""
        return hashlib.sha256(canonical_json(self.model_dump(mode="json"))).hexdigest()
