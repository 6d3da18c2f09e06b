"""The gateway the settings name; tests put another in its place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from workers.prefect.client import HttpGateway
from workers.prefect.gateway import Gateway

_swapped: list[Gateway] = []
_made: dict[tuple[int, str, str], HttpGateway] = {}


def gateway() -> Gateway:
    """The gateway of this process: connections do not survive a fork."""
    if _swapped:
        return _swapped[-1]
    key = (os.getpid(), settings.PREFECT_API_URL, settings.PREFECT_API_AUTH_STRING)
    if key not in _made:
        _made.clear()
        _made[key] = HttpGateway(key[1], key[2])
    return _made[key]


@contextmanager
def use_gateway(other: Gateway) -> Iterator[Gateway]:
    """Use another gateway inside the block."""
    _swapped.append(other)
    try:
        yield other
    finally:
        _swapped.remove(other)
