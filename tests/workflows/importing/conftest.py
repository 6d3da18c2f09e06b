from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from cryptography.fernet import Fernet
from django.core.cache import cache
from payloads import CONNECTOR_ID, CORPUS

from workflows.models import Connection, Team


@pytest.fixture
def team(pools: object) -> Team:
    return Team.objects.create(name="Shop", slug="shop")


@pytest.fixture
def warehouse(team: Team) -> Connection:
    """The connection that the corpus means, found by connector_id or by database name."""
    return Connection.objects.create(
        team=team,
        name="Warehouse",
        slug="warehouse",
        connector="postgresql",
        options={"database": "neondb"},
        external_id=CONNECTOR_ID,
    )


@pytest.fixture
def seeded(warehouse: Connection, make_database: Callable[[], str], settings: Any) -> Connection:
    """The connection of the corpus, to a database with its tables."""
    settings.FLOWADMIN_SECRET_KEYS = [Fernet.generate_key().decode()]
    cache.clear()
    url = make_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute((CORPUS / "seed.sql").read_text())
    address = urlsplit(url)
    warehouse.options = {
        "host": address.hostname,
        "port": address.port,
        "database": address.path.strip("/"),
        "user": address.username,
    }
    warehouse.secrets = {"password": address.password or "any"}
    warehouse.save()
    return warehouse
