"""How a Prefect server of ours is started: its settings and its command.

The database is PostgreSQL and has the extension ``pg_trgm``. Everything runs in one
process: API, scheduler, events.
"""

from __future__ import annotations

import sys
from pathlib import Path

#: Rows of one answer, for who asks for so many: logs are read in pages of this size.
LARGE_PAGE = 2_000


def environment(database_url: str, port: int, home: Path | str, auth: str = "") -> dict[str, str]:
    """The server's settings; ``database_url`` is ``postgresql://…``, ``auth`` is ``user:password``.

    To be added to an environment without other ``PREFECT_`` variables.
    """
    settings = {
        "PREFECT_HOME": str(home),
        "PREFECT_PROFILES_PATH": str(Path(home) / "profiles.toml"),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": _asyncpg(database_url),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_UI_ENABLED": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_API_DEFAULT_LIMIT": str(LARGE_PAGE),
        # Thirty by default: a second run of a workflow would wait that long for its slot.
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "3",
        # An hour by default: each planned run holds a copy of its plan.
        "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": "PT5M",
        # Of a deleted run Prefect leaves the artifacts behind, and ours have samples of rows.
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,orphans",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "PREFECT_LOGGING_LEVEL": "WARNING",
    }
    if auth:
        settings["PREFECT_SERVER_API_AUTH_STRING"] = auth
        settings["PREFECT_API_AUTH_STRING"] = auth
    return settings


def command(port: int) -> list[str]:
    """What starts the server, in the foreground, on the loopback interface."""
    server = "prefect.server.api.server:create_app"
    return [
        sys.executable,
        "-m",
        "uvicorn",
        "--factory",
        server,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--log-level",
        "warning",
    ]


def _asyncpg(database_url: str) -> str:
    return "postgresql+asyncpg://" + database_url.split("://", 1)[1]
