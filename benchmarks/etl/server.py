"""A PostgreSQL server for the time of a measurement, durable as in production."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from engine.plan import PlanConnection
from flowadmin.embedded import postgres
from flowadmin.embedded.part import free_port
from flowadmin.supervisor.running import running


@dataclass(frozen=True, slots=True)
class Server:
    """Databases ``source`` and ``target``, reached as superuser."""

    cluster: postgres.Cluster

    @property
    def pid(self) -> int:
        return int((self.cluster.data / "postmaster.pid").read_text().split()[0])

    @property
    def psql(self) -> str:
        """The client program of the same version, where there is one, else that on PATH."""
        beside = self.cluster.binaries() / "psql"
        return str(beside) if beside.exists() else "psql"

    def url(self, database: str) -> str:
        return self.cluster.url(database, role="postgres")

    def execute(self, database: str, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements; the rows of the last one."""
        with psycopg.connect(self.url(database), autocommit=True) as session:
            for statement in statements:
                cursor = session.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def settle(self) -> None:
        """Write out what earlier work has left, so that nobody else pays for it."""
        self.execute("source", "checkpoint")

    def connection(self, database: str) -> PlanConnection:
        """The database as plans name it; the password is where ``sealed`` is otherwise."""
        options = {
            "host": "127.0.0.1",
            "port": self.cluster.port,
            "database": database,
            "user": "postgres",
        }
        return PlanConnection(connector="postgresql", options=options, sealed=self.cluster.password)


@contextmanager
def running_server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="flowadmin-etl-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # PostgreSQL's account must be able to enter.
        choice: Any = os.environ.get("FLOWADMIN_POSTGRES", "auto")
        cluster = postgres.cluster(home, free_port(), secrets.token_hex(8), choice)
        with running(postgres.server(cluster)):
            server = Server(cluster)
            server.execute("postgres", "create database source", "create database target")
            yield server
