"""Mistakes of a deployment, found before it serves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from flowadmin.environment import Environment

_LOOPBACK = {"127.0.0.1", "localhost", "[::1]", "::1"}
_INSECURE = Environment.model_fields["flowadmin_secret_key"].default.get_secret_value()


@register(Tags.security)
def secret_key(app_configs: Any = None, **kwargs: Any) -> Sequence[CheckMessage]:
    """The key of a development machine must not sign sessions that others can reach."""
    if settings.SECRET_KEY != _INSECURE or settings.DEBUG or _is_local():
        return []
    return [
        Error(
            "FLOWADMIN_SECRET_KEY is the default one, but other hosts are served",
            hint="Set FLOWADMIN_SECRET_KEY to 50 random characters and keep it secret.",
            id="flowadmin.E001",
        )
    ]


@register(Tags.security)
def secret_keys(app_configs: Any = None, **kwargs: Any) -> Sequence[CheckMessage]:
    """Without a key no connection can be saved; with a wrong one none can be read."""
    if not settings.FLOWADMIN_SECRET_KEYS:
        return [
            Warning(
                "FLOWADMIN_SECRET_KEYS is empty: passwords of connections cannot be stored",
                hint="`manage.py up` makes one; elsewhere set it to a Fernet key.",
                id="flowadmin.W001",
            )
        ]
    return [
        Error(
            f"key {number} of FLOWADMIN_SECRET_KEYS is no Fernet key: expected 32 bytes in "
            "URL-safe base64",
            id="flowadmin.E002",
        )
        for number, key in enumerate(settings.FLOWADMIN_SECRET_KEYS, start=1)
        if not _is_fernet(key)
    ]


def _is_local() -> bool:
    return set(settings.ALLOWED_HOSTS) <= _LOOPBACK


def _is_fernet(key: str) -> bool:
    try:
        Fernet(key)
    except ValueError:
        return False
    return True
