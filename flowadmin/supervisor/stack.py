"""All parts of a FlowAdmin on one machine, and the values they share."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from flowadmin.embedded import postgres, prefect, redis
from flowadmin.embedded.part import Part
from flowadmin.embedded.postgres import Cluster
from flowadmin.environment import ENV_FILE, Environment
from flowadmin.supervisor import assets
from flowadmin.supervisor.home import Home
from flowadmin.supervisor.web import web

#: Variables of ours: given to the parts that are Django, kept from all others.
_OURS = ("FLOWADMIN_", "DATABASE_URL", "REDIS_URL", "MONGODB_URL", "PREFECT_API_")


@dataclass(frozen=True, slots=True)
class Stack:
    """What was set from outside is used as it is; the rest is brought along."""

    home: Home
    given: Environment
    secrets: dict[str, str]

    @property
    def cluster(self) -> Cluster:
        return postgres.cluster(
            self.home.path,
            self.given.flowadmin_postgres_port,
            self.secrets["POSTGRES_PASSWORD"],
            self.given.flowadmin_postgres,
        )

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self.given.flowadmin_web_port}"

    def is_given(self, name: str) -> bool:
        return name in self.given.model_fields_set

    def runtime(self) -> dict[str, str]:
        """Addresses and keys for everything that is Django; also for ``manage.py`` beside it."""
        port, password = self.given.flowadmin_redis_port, self.secrets["REDIS_PASSWORD"]
        brought = {
            "DATABASE_URL": self.cluster.url("flowadmin"),
            "REDIS_URL": redis.url(port, password),
            "PREFECT_API_URL": prefect.url(self.given.flowadmin_prefect_port),
            "PREFECT_API_AUTH_STRING": self.secrets["PREFECT_API_AUTH_STRING"],
            "FLOWADMIN_PREFECT_DATABASE_URL": self.cluster.url("prefect"),
            "FLOWADMIN_SECRET_KEY": self.secrets["FLOWADMIN_SECRET_KEY"],
            "FLOWADMIN_SECRET_KEYS": self.secrets["FLOWADMIN_SECRET_KEYS"],
            "FLOWADMIN_POOL_KEYS": str(self.home.keys),
        }
        if self.is_given("prefect_api_url"):
            del brought["PREFECT_API_AUTH_STRING"], brought["FLOWADMIN_PREFECT_DATABASE_URL"]
        values = {name: self._chosen(name, value) for name, value in brought.items()}
        for name in ("FLOWADMIN_FILE_ROOTS", "FLOWADMIN_INTERNAL_HOSTS"):
            values[name] = self._chosen(name, "")
        checkpoints = str(self.home.path / "checkpoints")
        values["FLOWADMIN_CHECKPOINTS"] = self._chosen("FLOWADMIN_CHECKPOINTS", checkpoints)
        plain = ("ALLOW_PYTHON", "CHECKPOINT_DAYS", "CHECKPOINT_GB", "SAMPLE_ROWS")
        for name in (f"FLOWADMIN_{short}" for short in plain):
            values[name] = str(getattr(self.given, name.lower()))
        values["FLOWADMIN_WAKE_URL"] = self._chosen("FLOWADMIN_WAKE_URL", values["REDIS_URL"])
        return values

    def parts(self) -> list[Part]:
        """In the order in which they are shown; needs of parts that are elsewhere are dropped."""
        parts = [*self._servers(), *self._own()]
        here = {part.name for part in parts}
        return [replace(part, after=tuple(here.intersection(part.after))) for part in parts]

    def task(self, name: str, command: str, *arguments: str, after: tuple[str, ...]) -> Part:
        """A ``manage.py`` command that ends."""
        return replace(self._django(name, command, *arguments, after=after), once=True)

    def _chosen(self, name: str, brought: str) -> str:
        if not self.is_given(name.lower()):
            return brought
        value = getattr(self.given, name.lower())
        return str(value.get_secret_value() if hasattr(value, "get_secret_value") else value)

    def _servers(self) -> list[Part]:
        """What the user did not bring. Our Prefect keeps its data in our PostgreSQL."""
        servers = []
        if not self.is_given("database_url") or not self.is_given("prefect_api_url"):
            servers.append(postgres.server(self.cluster))
        if not self.is_given("redis_url"):
            port = self.given.flowadmin_redis_port
            servers.append(redis.server(self.home.path, port, self.secrets["REDIS_PASSWORD"]))
        if not self.is_given("prefect_api_url"):
            auth = self.runtime()["PREFECT_API_AUTH_STRING"]
            port, database = self.given.flowadmin_prefect_port, self.cluster.url("prefect")
            servers.append(prefect.server(self.home.path, port, database, auth))
        return servers

    def _own(self) -> list[Part]:
        collected = [self._assets()] if not assets.are_collected(self.home.path) else []
        return [
            *collected,
            self.task("prepare", "prepare", after=("postgres",)),
            self._web(),
            self._celery(),
            self._worker(),
        ]

    def _assets(self) -> Part:
        task = self.task("assets", "collectstatic", "--noinput", "-v0", after=())
        return replace(task, after_done=lambda: assets.remember(self.home.path))

    def _web(self) -> Part:
        port = self.given.flowadmin_web_port
        return web(port, self._variables(), after=("assets", "postgres", "redis"))

    def _celery(self) -> Part:
        # Threads: the tasks wait for databases and Prefect; processes would cost 200 MB more,
        # and those that follow runs and tell the time another 170.
        app = ("--quiet", "-A", "flowadmin.celery:app")
        worker = ("worker", "--pool", "threads", "--concurrency", "2", "--loglevel", "WARNING")
        alone = ("--threaded-beat", "--observe", "--without-gossip", "--without-mingle")
        return Part(
            name="celery",
            command=_module("celery", *app, *worker, *alone),
            # In a container or on a test machine we may well be root.
            env={**self._variables(), "PYTHONWARNINGS": "ignore:You're running the worker"},
            after=("prefect", "redis", "prepare"),
        )

    def _worker(self) -> Part:
        """Knows Prefect and the keys of its pools; not our database, nor our keys."""
        pools = [text.strip() for text in self.given.flowadmin_worker_pools.split(",")]
        names = (
            "PREFECT_API_URL",
            "PREFECT_API_AUTH_STRING",
            "FLOWADMIN_POOL_KEYS",
            "FLOWADMIN_WAKE_URL",
            "FLOWADMIN_FILE_ROOTS",
            "FLOWADMIN_INTERNAL_HOSTS",
            "FLOWADMIN_SAMPLE_ROWS",
            "FLOWADMIN_ALLOW_PYTHON",
            "FLOWADMIN_CHECKPOINTS",
            "FLOWADMIN_CHECKPOINT_DAYS",
            "FLOWADMIN_CHECKPOINT_GB",
        )
        runtime = self.runtime()
        env = {name: runtime[name] for name in names if name in runtime}
        options = [text for pool in pools for text in ("--pool", pool)]
        return Part(
            name="worker",
            command=_module("engine.worker", *options),
            env={**env, "PREFECT_HOME": str(self.home.path / "prefect")},
            after=("prefect", "redis", "prepare"),
        )

    def _django(self, name: str, *arguments: str, after: tuple[str, ...]) -> Part:
        command = (sys.executable, str(_MANAGE), *arguments)
        return Part(name=name, command=command, env=self._variables(), after=after)

    def _variables(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if name.startswith(_OURS)}
        return {**ours, **self.runtime(), "FLOWADMIN_HOME": str(self.home.path)}


def assemble(home: Home) -> Stack:
    """The stack that the environment and ``.env`` ask for."""
    return Stack(home, Environment(_env_file=ENV_FILE), home.secrets())


_MANAGE = Path(__file__).resolve().parents[2] / "manage.py"


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name, *arguments)
