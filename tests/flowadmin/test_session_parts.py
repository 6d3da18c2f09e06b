"""The parts that every other test stands on."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
import pytest
import redis
from django.contrib.auth.models import User
from django.core.cache import cache
from mariadb_server import execute, unpacked
from pymongo import MongoClient


def test_a_new_database_is_empty(make_database: Callable[[], str]) -> None:
    with psycopg.connect(make_database()) as connection:
        tables = connection.execute("select count(*) from pg_stat_user_tables").fetchone()
    assert tables == (0,)


def test_a_new_mariadb_database_is_empty(make_mariadb_database: Callable[[], str]) -> None:
    assert execute(make_mariadb_database(), "show tables") == []


@pytest.mark.slow
def test_mariadb_can_be_had_without_root_and_without_installing_it(tmp_path: Path) -> None:
    binaries = unpacked(tmp_path / "mariadb")
    told = subprocess.run(
        [binaries.server, "--version"],
        env={"LD_LIBRARY_PATH": binaries.libraries},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "MariaDB" in told.stdout
    assert "create table" in binaries.tables.lower()


def test_redis_keeps_a_value(redis_server: str) -> None:
    with redis.Redis.from_url(redis_server) as client:
        client.set("a", "1")
        assert client.get("a") == b"1"


@pytest.mark.django_db
def test_django_has_its_database_and_cache() -> None:
    cache.set("answer", 42)
    assert (User.objects.count(), cache.get("answer")) == (0, 42)


@pytest.mark.slow
def test_prefect_is_a_real_server(prefect_server: str) -> None:
    assert httpx.get(f"{prefect_server}/admin/version").json() == "3.8.8"


def test_a_document_database_keeps_a_document(mongodb_server: str) -> None:
    with MongoClient(mongodb_server) as client:
        client["parts"]["c"].replace_one({"_id": 1}, {"a": "b"}, upsert=True)
        assert client["parts"]["c"].find_one() == {"_id": 1, "a": "b"}
