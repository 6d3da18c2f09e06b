"""Which runs' processes gave a sign of life, as Prefect last told; pages need not ask it."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.core.cache import cache

_KEY = "signs-of-life"
#: Longer than between two looks; older news is none.
_VALID_SECONDS = 75


def remember(heard: Collection[UUID]) -> None:
    cache.set(_KEY, frozenset(heard), _VALID_SECONDS)


def heard_lately() -> frozenset[UUID] | None:
    """None when Prefect was not asked lately."""
    known: frozenset[UUID] | None = cache.get(_KEY)
    return known
