"""Keys of topics come from addresses: what is no id is nobody's."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from uuid import UUID

from workflows import access
from workflows.models import Run, Workflow


def numbers(keys: Iterable[str]) -> list[int]:
    """Those that fit the database's ids."""
    return [int(key) for key in keys if key.isascii() and key.isdecimal() and len(key) < 10]


def uuids(keys: Iterable[str]) -> list[UUID]:
    found = []
    for key in keys:
        with suppress(ValueError):
            found.append(UUID(key))
    return found


def seen_by(principal: Any, model: type[Run | Workflow], keys: Iterable[str]) -> set[str]:
    """Those of the keys whose row ``principal`` may see."""
    rows = access.scope(principal, model.objects.filter(pk__in=uuids(keys)))
    return {str(pk) for pk in rows.values_list("pk", flat=True)}
