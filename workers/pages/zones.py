"""The viewer's zone, which the browser tells in a cookie."""

from __future__ import annotations

import zoneinfo
from functools import cache
from urllib.parse import unquote

#: Written by ``flowadmin.js``.
COOKIE = "flowadmin_zone"


def zone_names() -> list[str]:
    return sorted(_known())


def zone_of(cookie: str) -> zoneinfo.ZoneInfo | None:
    """None when there is none, or none of that name."""
    name = unquote(cookie)
    return zoneinfo.ZoneInfo(name) if name in _known() else None


@cache
def _known() -> set[str]:
    return zoneinfo.available_timezones()
