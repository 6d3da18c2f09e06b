"""What plans read and write: databases, folders, buckets, services; empty for each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from bucket import Bucket
from exchange import Exchange
from mariadb import Shop
from mariadb_server import execute
from moto.server import ThreadedMotoServer
from pipelines import Databases
from pymongo import MongoClient
from runner import Runner
from service import Service
from shelf import Shelf


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


@pytest.fixture
def exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Exchange:
    """A folder that this host's operator allows."""
    monkeypatch.setenv("FLOWADMIN_FILE_ROOTS", f"/nonexistent:{tmp_path}")
    (tmp_path / "exchange").mkdir()
    return Exchange(tmp_path / "exchange")


@pytest.fixture
def shelf(mongodb_server: str) -> Iterator[Shelf]:
    """An empty database of documents, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with MongoClient(mongodb_server, uuidRepresentation="standard", tz_aware=True) as client:
        yield Shelf(client[name], mongodb_server)
        client.drop_database(name)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service on this machine, which the operator allows."""
    monkeypatch.setenv("FLOWADMIN_INTERNAL_HOSTS", "127.0.0.1")
    with Service() as service:
        yield service


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Address of a server that speaks S3's protocol."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """An empty bucket of a server on this machine, which the operator allows."""
    monkeypatch.setenv("FLOWADMIN_INTERNAL_HOSTS", "127.0.0.1")
    made = Bucket(f"test-{uuid.uuid4().hex[:12]}", s3_server)
    made.client.create_bucket(Bucket=made.name)
    return made


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    runner = Runner()
    yield runner
    runner.close()
