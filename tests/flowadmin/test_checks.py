"""System checks: what they find, and that they are silent otherwise."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from pytest_django import Settings

from flowadmin import checks

INSECURE = "insecure-development-key-never-use-in-production"


def test_the_default_key_must_not_serve_other_hosts(settings: Settings) -> None:
    settings.SECRET_KEY, settings.DEBUG, settings.ALLOWED_HOSTS = INSECURE, False, ["example.com"]
    assert [finding.id for finding in checks.secret_key()] == ["flowadmin.E001"]


@pytest.mark.parametrize(
    ("key", "debug", "hosts"),
    [
        ("a key of one's own", False, ["example.com"]),
        (INSECURE, True, ["example.com"]),
        (INSECURE, False, ["127.0.0.1", "localhost", "[::1]"]),
    ],
)
def test_other_keys_and_places_are_fine(
    settings: Settings, key: str, debug: bool, hosts: list[str]
) -> None:
    settings.SECRET_KEY, settings.DEBUG, settings.ALLOWED_HOSTS = key, debug, hosts
    assert checks.secret_key() == []


def test_no_key_for_secrets_is_a_warning(settings: Settings) -> None:
    settings.FLOWADMIN_SECRET_KEYS = []
    assert [finding.id for finding in checks.secret_keys()] == ["flowadmin.W001"]


def test_a_wrong_key_is_named_by_its_place(settings: Settings) -> None:
    settings.FLOWADMIN_SECRET_KEYS = [Fernet.generate_key().decode(), "short"]
    (finding,) = checks.secret_keys()
    assert (finding.id, "key 2" in finding.msg) == ("flowadmin.E002", True)
