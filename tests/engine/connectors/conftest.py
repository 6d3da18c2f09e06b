from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from bucket import Bucket
from exchange import Exchange
from moto.server import ThreadedMotoServer
from pymongo import MongoClient
from service import Service
from shelf import Shelf


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
