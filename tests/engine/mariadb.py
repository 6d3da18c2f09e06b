"""MariaDB databases for tests of the engine, and plans that read and write them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from mariadb_server import execute
from pipelines import Rows, plan, secrets

from engine.interpreter import run
from engine.outcome import RunOutcome
from engine.plan import PlanConnection, Step


def mariadb_address(url: str) -> dict[str, Any]:
    """The settings of a connection, password included."""
    parts = urlsplit(url)
    return {
        "host": parts.hostname,
        "port": parts.port,
        "database": parts.path[1:],
        "user": parts.username,
        "password": parts.password or "",
    }


def mariadb_connection(url: str, **changes: Any) -> PlanConnection:
    options = {**mariadb_address(url), **changes}
    sealed = options.pop("password")
    return PlanConnection(connector="mysql", options=options, sealed=sealed)


@dataclass(frozen=True)
class Shop:
    """One MariaDB database that is source and target at once."""

    url: str

    def sql(self, *statements: str) -> Rows:
        return execute(self.url, *statements)

    def empty(self) -> None:
        rows = self.sql(
            "select table_name from information_schema.tables where table_schema = database()"
        )
        dropped = [f"drop table if exists `{name}`" for (name,) in rows]
        self.sql("set foreign_key_checks = 0", *dropped)

    def run(self, *steps: Step, run_id: str = "r", **connections: PlanConnection) -> RunOutcome:
        own = mariadb_connection(self.url)
        made = plan(steps, {"source": own, "target": own, **connections})
        return run(made, run_id=run_id, secrets=secrets)
