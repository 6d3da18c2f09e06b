"""The parts of one test session: addresses chosen early, processes started when first needed."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import mongodb_server
import psycopg
from cryptography.fernet import Fernet
from mariadb_server import MariaDb

from flowadmin.embedded import postgres, prefect, redis
from flowadmin.embedded.part import Part, free_port
from flowadmin.supervisor.running import running

POSTGRES = "FLOWADMIN_TEST_POSTGRES"
REDIS = "FLOWADMIN_TEST_REDIS"
MARIADB = "FLOWADMIN_TEST_MARIADB"
MONGODB = "FLOWADMIN_TEST_MONGODB"
#: What may come from outside; all else of ours and of Prefect is removed.
_KEPT = {POSTGRES, REDIS, MARIADB, MONGODB, "FLOWADMIN_POSTGRES"}


class SessionParts:
    """A server named in the environment is used as it is; any other is started here."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="flowadmin-tests-"))
        self.home.chmod(0o755)  # PostgreSQL's account must be able to enter.
        self._started: set[str] = set()
        self._running = ExitStack()
        self._running.callback(shutil.rmtree, self.home, ignore_errors=True)
        self._choose_addresses()

    def _choose_addresses(self) -> None:
        """Put every address into the environment, before Django reads its settings."""
        for name in list(os.environ):
            if name.startswith(("FLOWADMIN_", "PREFECT_")) and name not in _KEPT:
                del os.environ[name]
        os.environ["FLOWADMIN_HOME"] = str(self.home)
        os.environ["FLOWADMIN_ENV_FILE"] = os.devnull
        os.environ["FLOWADMIN_SECRET_KEYS"] = Fernet.generate_key().decode()
        password = secrets.token_hex(8)
        choice = os.environ.get("FLOWADMIN_POSTGRES", "auto")
        self._cluster = postgres.cluster(self.home, free_port(), password, choice, is_durable=False)
        self._redis = redis.server(self.home, redis_port := free_port(), password)
        self._given = {name for name in (POSTGRES, REDIS) if name in os.environ}
        self.postgres_url = os.environ.setdefault(POSTGRES, self._cluster.url(role="postgres"))
        self.redis_url = os.environ.setdefault(REDIS, redis.url(redis_port, password))
        self._prefect_port = free_port()
        self._mongodb_port = free_port()
        self.prefect_url = prefect.url(self._prefect_port)
        self.mariadb = MariaDb(self.home / "mariadb", free_port(), password)
        os.environ["DATABASE_URL"] = f"{self.postgres_url}/flowadmin"
        os.environ["REDIS_URL"] = self.redis_url
        os.environ["PREFECT_API_URL"] = self.prefect_url

    def start_postgres(self) -> str:
        """URL of the server, without a database name; a superuser's."""
        if POSTGRES not in self._given:
            self._start("postgres", lambda: postgres.server(self._cluster))
        return self.postgres_url

    def start_redis(self) -> str:
        if REDIS not in self._given:
            self._start("redis", lambda: self._redis)
        return self.redis_url

    def start_mariadb(self) -> str:
        """URL of the server, without a database name; of a user who may do everything."""
        if MARIADB in os.environ:
            return os.environ[MARIADB]
        self._start("mariadb", self.mariadb.part)
        return self.mariadb.url

    def start_mongodb(self) -> str:
        """URL of a server that speaks MongoDB's protocol and asks for no password."""
        if MONGODB in os.environ:
            return os.environ[MONGODB]
        self._start("mongodb", lambda: mongodb_server.server(self._mongodb_port))
        return mongodb_server.url(self._mongodb_port)

    def start_prefect(self) -> str:
        """URL of the API of a server with a database of its own."""
        self._start("prefect", self._prefect)
        return self.prefect_url

    def stop(self) -> None:
        self._running.close()

    def _start(self, name: str, make: Callable[[], Part]) -> None:
        if name not in self._started:
            self._running.enter_context(running(make()))
            self._started.add(name)

    def _prefect(self) -> Part:
        database = f"prefect_{secrets.token_hex(6)}"
        server = self.start_postgres()
        self._running.callback(_run, server, f"drop database {database} with (force)")
        _run(server, f"create database {database}")
        self.prefect_database = f"{server}/{database}"
        return prefect.server(self.home, self._prefect_port, self.prefect_database)


def _run(server: str, statement: str) -> None:
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(statement)
