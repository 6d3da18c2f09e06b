from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from flowadmin.viewer_zone import ViewerZoneMiddleware
from workers.pages.zones import COOKIE
from workflows.models import Preferences


def zone_of_page(user, cookie: str = "") -> str:
    request = RequestFactory(headers={"cookie": f"{COOKIE}={cookie}"}).get("/")
    request.user = user
    page = ViewerZoneMiddleware(lambda _: HttpResponse(timezone.get_current_timezone_name()))
    return page(request).content.decode()


@pytest.mark.parametrize(
    ("cookie", "zone"),
    [("Europe%2FParis", "Europe/Paris"), ("", "UTC"), ("../etc/passwd", "UTC"), ("Mars", "UTC")],
)
def test_pages_tell_times_in_the_zone_of_the_browser(cookie, zone):
    assert zone_of_page(AnonymousUser(), cookie) == zone
    assert timezone.get_current_timezone_name() == "UTC"


@pytest.mark.parametrize(("chosen", "zone"), [("Asia/Tokyo", "Asia/Tokyo"), ("", "Europe/Paris")])
def test_the_zone_that_a_user_chose_comes_first(chosen, zone):
    user = User(pk=1)
    Preferences(user=user, zone=chosen)
    assert zone_of_page(user, "Europe%2FParis") == zone
