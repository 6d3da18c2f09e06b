"""Model fields of our own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models


def _cipher() -> MultiFernet:
    keys = settings.FLOWADMIN_SECRET_KEYS
    if not keys:
        raise ImproperlyConfigured(
            "no key for connection secrets: set FLOWADMIN_SECRET_KEYS to a Fernet key "
            "(python -c 'from cryptography.fernet import Fernet; "
            "print(Fernet.generate_key().decode())')"
        )
    return MultiFernet([Fernet(key) for key in keys])


if TYPE_CHECKING:
    _BinaryField = models.BinaryField[Any, Any]
else:
    _BinaryField = models.BinaryField


class EncryptedJSONField(_BinaryField):
    """JSON, encrypted at rest with the newest key, readable with any configured key."""

    def get_prep_value(self, value: Any) -> Any:
        if value is None:
            return None
        return super().get_prep_value(_cipher().encrypt(json.dumps(value).encode()))

    def from_db_value(self, value: bytes | None, expression: Any, connection: Any) -> Any:
        if value is None:
            return None
        try:
            return json.loads(_cipher().decrypt(bytes(value)))
        except InvalidToken:
            raise ImproperlyConfigured(
                "a connection secret was encrypted with a key that is not in "
                "FLOWADMIN_SECRET_KEYS: add the old key after the new one"
            ) from None
