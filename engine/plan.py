"""What a worker executes: steps in order, with everything they need.

A plan is plain JSON, self-contained and versioned: a run needs no call to FlowAdmin.
Definition → plan happens in ``workflows.compile``; plan → stages in ``optimizer``.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

PLAN_VERSION: Literal[1] = 1


#: Port of a dependency through which no rows go: its node only starts after the other.
AFTER = "after"


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Input(Frozen):
    """One edge as its consumer sees it: port ``port`` reads ``step``'s ``output``."""

    port: str
    step: str
    output: str = "out"


class Step(Frozen):
    """A node in a plan. ``config`` has passed its kind's Config."""

    key: str
    name: str
    kind: str
    kind_version: int = 1
    config: dict[str, Any]
    inputs: tuple[Input, ...] = ()
    #: Steps that must have ended well before it starts; no rows come from them.
    after: tuple[str, ...] = ()
    retries: int = Field(0, ge=0, le=20)
    retry_delay_seconds: float = Field(10, ge=0, le=86_400)
    timeout_seconds: float | None = Field(None, gt=0)
    #: Keep its rows on disk, so that a restarted run need not make them again.
    checkpoint: bool = False


class PlanConnection(Frozen):
    """A connection as a plan carries it: options in clear, secrets sealed for one pool.

    ``sealed`` is base64 of a libsodium sealed box over the secrets' JSON; empty
    when the connection has no secret. ``revision`` grows with every change of the
    connection, so that a changed password changes the plan's fingerprint.
    """

    connector: str
    options: dict[str, Any]
    sealed: str = ""
    revision: int = 1


class Plan(Frozen):
    """Steps in topological order, and the connections they name."""

    plan_version: Literal[1] = PLAN_VERSION
    workflow_id: str
    workflow_name: str
    workflow_version: int
    steps: tuple[Step, ...]
    connections: dict[str, PlanConnection] = {}
    #: Names usable as ``$name`` in expressions, with their defaults (scalars).
    parameters: dict[str, Any] = {}
    memory_limit_mb: int = Field(512, ge=64)
    #: From the start of the run; None = as long as it takes.
    timeout_seconds: float | None = Field(None, gt=0)

    def fingerprint(self) -> str:
        """SHA-256 over the canonical JSON, sealed boxes left out (they differ each time)."""
        body = self.model_dump(mode="json")
        for connection in body["connections"].values():
            connection.pop("sealed")
        return hashlib.sha256(canonical_json(body)).hexdigest()


class Schedule(Frozen):
    """When a workflow runs by itself: exactly one of cron, interval, one moment."""

    slug: str
    cron: str = ""
    interval_seconds: int | None = Field(None, gt=0)
    run_at: datetime | None = None
    timezone: str = "UTC"
    is_active: bool = True


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and no spaces: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
