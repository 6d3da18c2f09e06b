"""Two databases per test module, emptied for each test that asks."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from mariadb import Shop
from mariadb_server import execute
from pipelines import Databases


@pytest.fixture(scope="module")
def two_databases(postgres_server: str) -> Iterator[Databases]:
    """Made once for a module: creating a database costs more than most tests."""
    names = [f"test_{uuid.uuid4().hex[:12]}" for _ in range(2)]
    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as admin:
        for name in names:
            admin.execute(f"create database {name}")
        yield Databases(*(f"{postgres_server}/{name}" for name in names))
        for name in names:
            admin.execute(f"drop database {name} with (force)")


@pytest.fixture
def databases(two_databases: Databases) -> Databases:
    """A source and a target database without any table."""
    two_databases.empty()
    return two_databases


@pytest.fixture(scope="module")
def one_mariadb_database(mariadb_server: str) -> Iterator[Shop]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    execute(mariadb_server, f"create database {name}")
    yield Shop(f"{mariadb_server}/{name}")
    execute(mariadb_server, f"drop database {name}")


@pytest.fixture
def shop(one_mariadb_database: Shop) -> Shop:
    """A MariaDB database without any table."""
    one_mariadb_database.empty()
    return one_mariadb_database
