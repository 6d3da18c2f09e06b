"""Times in the viewer's zone: the browser says which in a cookie, and pages go by it."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from workers.pages.zones import COOKIE, zone_of


class ViewerZoneMiddleware:
    """Activates the zone for the request; UTC when there is none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        zone = zone_of(request.COOKIES.get(COOKIE, ""))
        with timezone.override(zone or timezone.get_default_timezone()):
            return self.get_response(request)
