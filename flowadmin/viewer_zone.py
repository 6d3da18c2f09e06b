"""Times in the viewer's zone: the one they chose, else the browser's, which a cookie tells."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from workers.pages.zones import COOKIE, zone_of
from workflows.models import chosen_zone


class ViewerZoneMiddleware:
    """Activates the zone for the request; UTC when there is none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        zone = chosen_zone(request.user) or zone_of(request.COOKIES.get(COOKIE, ""))
        with timezone.override(zone or timezone.get_default_timezone()):
            return self.get_response(request)
