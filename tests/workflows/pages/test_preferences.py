from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from factories import MembershipFactory, RunFactory

from workflows.models import Preferences

pytestmark = pytest.mark.django_db


@pytest.fixture
def member():
    return MembershipFactory(user__password=None, user__is_staff=True).user


@pytest.fixture
def browser(member):
    client = Client()
    client.force_login(member)
    client.cookies["flowadmin_zone"] = "Europe%2FParis"
    return client


def choose(browser: Client, zone: str):
    return browser.post(reverse("preferences"), {"zone": zone}, follow=True)


def test_without_a_choice_the_browser_says_the_zone(browser):
    page = browser.get(reverse("preferences")).content.decode()
    assert "as the browser says (Europe/Paris)" in page
    assert '<meta name="viewer-zone" content="Europe/Paris">' in page


def test_the_chosen_zone_is_kept_with_the_user_for_every_browser(browser, member):
    choose(browser, "Asia/Tokyo")
    other = Client()
    other.force_login(member)
    page = other.get(reverse("admin:index")).content.decode()
    assert '<meta name="viewer-zone" content="Asia/Tokyo">' in page


def test_the_browser_is_believed_again_when_the_choice_is_taken_back(browser):
    choose(browser, "Asia/Tokyo")
    page = choose(browser, "").content.decode()
    assert '<meta name="viewer-zone" content="Europe/Paris">' in page


def test_an_unknown_zone_is_refused_with_an_example(browser):
    page = choose(browser, "Mars/Olympus").content.decode()
    assert "unknown time zone &#x27;Mars/Olympus&#x27;: expected an IANA name" in page
    assert not Preferences.objects.exists()


def test_everybody_chooses_for_themselves(browser, member):
    other = Preferences.objects.create(
        user=MembershipFactory(user__password=None).user, zone="Asia/Tokyo"
    )
    choose(browser, "America/Lima")
    other.refresh_from_db()
    assert (other.zone, member.preferences.zone) == ("Asia/Tokyo", "America/Lima")


def test_a_choice_asks_the_database_no_more(browser):
    def asked() -> int:
        browser.get(reverse("admin:index"))
        with CaptureQueriesContext(connection) as queries:
            browser.get(reverse("admin:index"))
        return len(queries)

    before = asked()
    choose(browser, "Asia/Tokyo")
    assert asked() == before


def test_the_api_tells_utc_to_a_browser_too(browser, member):
    workflow = RunFactory(workflow__team=member.memberships.get().team).workflow
    choose(browser, "Asia/Tokyo")
    told = browser.get(f"/api/v1/workflows/{workflow.pk}/").json()
    assert told["updated_at"].endswith("Z")


@pytest.mark.parametrize("has_password", [True, False])
def test_the_menu_of_the_user_offers_what_they_can_change(browser, member, has_password):
    if has_password:
        member.set_password("a long one")
        member.save()
        browser.force_login(member)
    page = browser.get(reverse("admin:index")).content.decode()
    assert reverse("preferences") in page
    assert (reverse("admin:password_change") in page) == has_password
