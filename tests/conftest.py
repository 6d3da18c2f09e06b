"""Real parts for every test: PostgreSQL, Redis, Prefect, MariaDB, MongoDB; one of each per session.

With xdist the controller starts PostgreSQL and Redis, and the workers find their addresses in
the environment; tests of each other part share one worker, and so one server.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator

import django
import psycopg
import pytest
from mariadb_server import execute
from session_parts import SessionParts

from flowadmin.embedded.part import Part, free_port
from flowadmin.supervisor.running import running
from flowadmin.supervisor.web import web

# In this order: settings are read once, and must find the addresses.
PARTS = SessionParts()
os.environ["DJANGO_SETTINGS_MODULE"] = "flowadmin.settings"
django.setup()

_IS_CI = os.environ.get("CI", "").lower() in {"1", "true"}


def pytest_configure() -> None:
    from django.conf import settings

    # Pages must render without a collectstatic before.
    plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STORAGES["staticfiles"]["BACKEND"] = plain


def pytest_sessionstart(session: pytest.Session) -> None:
    is_worker = hasattr(session.config, "workerinput")
    if getattr(session.config.option, "dist", "no") != "no" and not is_worker:
        PARTS.start_postgres()
        PARTS.start_redis()


def pytest_unconfigure() -> None:
    PARTS.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for part in ("prefect", "mariadb", "mongodb"):
            if f"{part}_server" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(part))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI every part can be had: a skipped test is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if _IS_CI and reporter and reporter.stats.get("skipped") and not session.exitstatus:
        reporter.ensure_newline()
        reporter.write_line("CI=true: a skipped test is a failure", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """URL of a PostgreSQL server without a database name; a superuser's."""
    return PARTS.start_postgres()


@pytest.fixture(scope="session")
def redis_server() -> str:
    """URL of a Redis server."""
    return PARTS.start_redis()


@pytest.fixture(scope="session")
def prefect_server() -> str:
    """URL of the API of a real Prefect server, without a password."""
    return PARTS.start_prefect()


@pytest.fixture(scope="session")
def prefect_database(prefect_server: str) -> str:
    """URL of that server's own database."""
    return PARTS.prefect_database


@pytest.fixture(scope="session")
def mariadb_server() -> str:
    """URL of a MariaDB server without a database name; of a user who may do everything."""
    return PARTS.start_mariadb()


@pytest.fixture(scope="session")
def mongodb_server() -> str:
    """URL of a server that speaks MongoDB's protocol."""
    return PARTS.start_mongodb()


@pytest.fixture(scope="session")
def mariadb_certificate(mariadb_server: str) -> str:
    """PEM text that vouches for the server that is started here."""
    return PARTS.mariadb.certificate.read_text()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    postgres_server: str,
    redis_server: str,
    django_db_modify_db_settings_parallel_suffix: None,
) -> None:
    """Before pytest-django makes its database, there must be a server; the cache comes along."""


@pytest.fixture
def make_database(postgres_server: str) -> Iterator[Callable[[], str]]:
    """A function that makes an empty database and returns its URL; dropped afterwards."""
    made: list[str] = []
    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as admin:

        def make() -> str:
            name = f"test_{uuid.uuid4().hex[:12]}"
            admin.execute(f'create database "{name}"')
            made.append(name)
            return f"{postgres_server}/{name}"

        yield make
        for name in made:
            admin.execute(f'drop database if exists "{name}" with (force)')


@pytest.fixture
def make_mariadb_database(mariadb_server: str) -> Iterator[Callable[[], str]]:
    """A function that makes an empty database and returns its URL; dropped afterwards."""
    made: list[str] = []

    def make() -> str:
        made.append(name := f"test_{uuid.uuid4().hex[:12]}")
        execute(mariadb_server, f"create database {name}")
        return f"{mariadb_server}/{name}"

    yield make
    for name in made:
        execute(mariadb_server, f"drop database {name}")


@pytest.fixture(scope="session")
def static_files() -> None:
    """Collected as for the product: hashed and compressed."""
    from django.conf import settings
    from django.core.management import call_command
    from django.test import override_settings

    hashed = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    with override_settings(STORAGES={**settings.STORAGES, "staticfiles": hashed}):
        call_command("collectstatic", interactive=False, verbosity=0)


@pytest.fixture(scope="session")
def web_server(django_db_setup: None, redis_server: str, static_files: None) -> Iterator[Part]:
    """The web server of the product, on the database of the tests."""
    from django.db import connection

    base = os.environ["DATABASE_URL"].rsplit("/", 1)[0]
    env = {**os.environ, "DATABASE_URL": f"{base}/{connection.settings_dict['NAME']}"}
    env.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)
    part = web(free_port(), env)
    with running(part):
        yield part


@pytest.fixture
def site(web_server: Part, transactional_db: None) -> str:
    """Address of the web server; rows made in the test are there for it."""
    assert web_server.claim is not None
    return f"http://127.0.0.1:{web_server.claim.port}"
