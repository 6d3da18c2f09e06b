"""Real pages in a real browser: Chromium, the ASGI server of the product, PostgreSQL.

A test makes its rows with the factories; they are committed, so the server sees them.
What a page logs as an error, a refusal of the content policy included, fails its test.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import chromium
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, expect, sync_playwright

#: Busy machines are slow; what is right is seen as soon as it is there.
expect.set_options(timeout=30_000)
LAPTOP = {"width": 1440, "height": 900}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    # Its event loop is this thread's: Django takes that for a request that must not block,
    # and a test of another file could not run a loop of its own, so it ends with this one.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as started:
        yield started
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    launched = playwright.chromium.launch(
        executable_path=chromium.executable(playwright), args=chromium.ARGUMENTS
    )
    yield launched
    launched.close()


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """A fresh window of a visitor; paths are relative to the site."""
    context = browser.new_context(base_url=site, viewport=LAPTOP)
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda line: wrong.append(line.text) if _is_wrong(line) else None)
    yield opened
    context.close()
    assert wrong == []


@pytest.fixture
def sign_in(page: Page, site: str) -> Callable[[User], Page]:
    """Let the page belong to a user, without the login form."""

    def sign_in(user: User) -> Page:
        client = Client()
        client.force_login(user)
        value = client.cookies[settings.SESSION_COOKIE_NAME].value
        page.context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": site}]
        )
        return page

    return sign_in


def _is_wrong(line: ConsoleMessage) -> bool:
    """What a test cuts off by itself (net::ERR_…) is not."""
    return line.type == "error" and "net::ERR_" not in line.text
