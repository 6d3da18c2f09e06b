from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client):
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    client.force_login(UserFactory(password=None, is_staff=True, is_superuser=True))
    return client


def policy(answer) -> dict[str, set[str]]:
    parts = (part.split() for part in answer["Content-Security-Policy"].split(";"))
    return {name: set(sources) for name, *sources in parts}


@pytest.mark.parametrize(
    "address", ["/health", "/", "/ui/pools/load/", "/api/v1/docs", "/api/v1/kinds", "/nowhere"]
)
def test_outside_the_admin_nothing_inline_or_from_elsewhere_is_loaded(root, address):
    given = policy(root.get(address))
    assert given["default-src"] == {"'self'"}
    assert not {"script-src", "style-src"} & given.keys()
    assert given["frame-ancestors"] == given["object-src"] == {"'none'"}


@pytest.mark.parametrize("address", ["/admin/", "/admin/login/", "/admin/workflows/workflow/"])
def test_in_the_admin_scripts_come_from_files(root, address):
    given = policy(root.get(address))
    assert given["script-src"] == {"'self'", "'unsafe-eval'"}
    assert given["style-src"] == {"'self'", "'unsafe-inline'"}


@pytest.mark.parametrize("address", ["/api/v1/docs"])
def test_a_page_outside_the_admin_has_nothing_inline(root, address):
    page = root.get(address).content.decode()
    assert "<style" not in page
    assert "<script" not in page
    assert " style=" not in page
