from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from flowadmin.viewer_zone import ViewerZoneMiddleware
from workers.pages.zones import COOKIE


@pytest.mark.parametrize(
    ("cookie", "zone"),
    [("Europe%2FParis", "Europe/Paris"), ("", "UTC"), ("../etc/passwd", "UTC"), ("Mars", "UTC")],
)
def test_pages_tell_times_in_the_zone_of_the_browser(cookie, zone):
    request = RequestFactory(headers={"cookie": f"{COOKIE}={cookie}"}).get("/")
    page = ViewerZoneMiddleware(lambda _: HttpResponse(timezone.get_current_timezone_name()))
    assert page(request).content.decode() == zone
    assert timezone.get_current_timezone_name() == "UTC"
