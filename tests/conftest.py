"""Real parts for every test: PostgreSQL, Redis and Prefect, one of each per session."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import psycopg
import pytest

POSTGRES = os.environ.setdefault("FLOWADMIN_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5544")
os.environ["DATABASE_URL"] = f"{POSTGRES}/flowadmin"


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """URL of a PostgreSQL server without a database name; a superuser's."""
    return POSTGRES


@pytest.fixture
def make_database(postgres_server: str) -> Iterator[object]:
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
