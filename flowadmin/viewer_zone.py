"""Times in the viewer's zone: the browser says which in a cookie, and pages go by it."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from functools import cache
from urllib.parse import unquote

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

#: Written by ``flowadmin.js``.
COOKIE = "flowadmin_zone"


class ViewerZoneMiddleware:
    """Activates the zone for the request; UTC when there is none, or none of that name."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = unquote(request.COOKIES.get(COOKIE, ""))
        zone = zoneinfo.ZoneInfo(name) if name in _known() else None
        with timezone.override(zone or timezone.get_default_timezone()):
            return self.get_response(request)


@cache
def _known() -> set[str]:
    return zoneinfo.available_timezones()
