"""Keys of topics come from addresses: what is no id is nobody's."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID


def uuids(keys: Iterable[str]) -> list[UUID]:
    found = []
    for key in keys:
        with suppress(ValueError):
            found.append(UUID(key))
    return found
