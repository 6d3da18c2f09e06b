"""The Prefect server, on the embedded PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from flowadmin.embedded.part import Claim, Part, answers
from workers.prefect import server as prefect


def server(home: Path, port: int, database_url: str, auth: str = "") -> Part:
    """Prefect's API, scheduler and events in one process; its first start migrates."""
    return Part(
        name="prefect",
        command=tuple(prefect.command(port)),
        env=prefect.environment(database_url, port, home / "prefect", auth),
        after=("postgres",),
        claim=Claim(port, "FLOWADMIN_PREFECT_PORT"),
        prepare=lambda: (home / "prefect").mkdir(parents=True, exist_ok=True),
        is_ready=lambda: answers(f"{url(port)}/health"),
    )


def url(port: int) -> str:
    return f"http://127.0.0.1:{port}/api"
