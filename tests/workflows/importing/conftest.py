from __future__ import annotations

import pytest
from payloads import CONNECTOR_ID

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
