"""The space that Prefect's own tables take: its API does not tell, its database does."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from workers.space import Space, space_of

#: What goes with a flow run: at once, or, of logs and artifacts, soon after.
RUN_TABLES = (
    "flow_run",
    "flow_run_state",
    "flow_run_input",
    "task_run",
    "task_run_state",
    "task_run_state_cache",
    "log",
    "artifact",
)
#: What Prefect removes by itself.
EVENT_TABLES = ("events", "event_resources")
_SECONDS = 5


class NotReachable(Exception):
    """Prefect's database is not ours to look into, or does not answer."""


@dataclass(frozen=True, slots=True)
class PrefectSpace:
    """``runs`` counts flow runs."""

    runs: Space
    events: Space


def prefect_space(database_url: str) -> PrefectSpace:
    """Raises NotReachable."""
    if not database_url:
        raise NotReachable("FLOWADMIN_PREFECT_DATABASE_URL is not set")
    limits = f"-c statement_timeout={_SECONDS}s -c default_transaction_read_only=on"
    try:
        with (
            psycopg.connect(database_url, connect_timeout=_SECONDS, options=limits) as database,
            database.cursor() as cursor,
        ):
            return PrefectSpace(space_of(cursor, RUN_TABLES), space_of(cursor, EVENT_TABLES))
    except psycopg.Error as error:
        raise NotReachable(str(error).strip()) from error
