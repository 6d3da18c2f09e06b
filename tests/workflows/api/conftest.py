from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from workers.prefect.memory import InMemoryGateway
from workflows.models import Membership, Role, Team
from workflows.services import tokens


class ApiClient:
    """Asks as one token; bodies and answers are JSON."""

    def __init__(self, token: str = "") -> None:
        self._client = Client(raise_request_exception=False)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, **query: Any) -> Any:
        return self._client.get(f"/api/v1/{path}", query, headers=self._headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._send("post", path, body, headers)

    def put(self, path: str, body: Any) -> Any:
        return self._send("put", path, body, {})

    def delete(self, path: str) -> Any:
        return self._send("delete", path, None, {})

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return getattr(self._client, method)(
            f"/api/v1/{path}",
            data=body if body is not None else {},
            content_type="application/json",
            headers={**self._headers, **named},
        )


@pytest.fixture(autouse=True)
def _parts(prefect: InMemoryGateway, settings: Any) -> None:
    """Prefect in memory, a key for secrets, nothing remembered from the test before."""
    # The middleware that serves static files warns of a folder that is not there.
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    settings.FLOWADMIN_SECRET_KEYS = [Fernet.generate_key().decode()]
    cache.clear()


@pytest.fixture
def team() -> Team:
    return Team.objects.create(name="Shop", slug="shop")


@pytest.fixture
def make_client(team: Team) -> Any:
    """A client with a token of that role, in the team unless another one is given."""

    def make(role: Role, of: Team = team) -> ApiClient:
        return ApiClient(tokens.create(team=of, name=role.label, role=role)[1])

    return make


@pytest.fixture
def viewer(make_client: Any) -> ApiClient:
    return make_client(Role.VIEWER)


@pytest.fixture
def operator(make_client: Any) -> ApiClient:
    return make_client(Role.OPERATOR)


@pytest.fixture
def editor(make_client: Any) -> ApiClient:
    return make_client(Role.EDITOR)


@pytest.fixture
def admin(make_client: Any) -> ApiClient:
    return make_client(Role.ADMIN)


@pytest.fixture
def stranger(make_client: Any) -> ApiClient:
    """May everything, in another team."""
    return make_client(Role.ADMIN, Team.objects.create(name="Other", slug="other"))


@pytest.fixture
def anonymous() -> ApiClient:
    return ApiClient()


@pytest.fixture
def member(team: Team) -> User:
    """An editor with a login."""
    user = User.objects.create_user("ada", password="a long one")
    Membership.objects.create(team=team, user=user, role=Role.EDITOR)
    return user


@pytest.fixture
def definition() -> dict[str, Any]:
    """A small chain; its connection does not exist, which is a finding and no refusal."""
    source = {"connection": "warehouse", "table": "orders"}
    return {
        "name": "Orders",
        "nodes": [
            {"key": "read", "kind": "database_source", "config": source},
            {"key": "large", "kind": "filter", "config": {"condition": "amount > 100"}},
            {
                "key": "write",
                "kind": "database_target",
                "config": {"connection": "warehouse", "table": "large_orders"},
            },
        ],
        "dependencies": [
            {"source": "read", "target": "large"},
            {"source": "large", "target": "write"},
        ],
    }


@pytest.fixture
def workflow(editor: ApiClient, definition: dict[str, Any]) -> dict[str, Any]:
    """A stored workflow, as the API answered."""
    return editor.post("workflows/", {"definition": definition}).json()
