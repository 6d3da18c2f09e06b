"""Keys of topics come from addresses: what is no id is nobody's."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID


def numbers(keys: Iterable[str]) -> list[int]:
    """Those that fit the database's ids."""
    return [int(key) for key in keys if key.isascii() and key.isdecimal() and len(key) < 10]


def uuids(keys: Iterable[str]) -> list[UUID]:
    found = []
    for key in keys:
        with suppress(ValueError):
            found.append(UUID(key))
    return found
