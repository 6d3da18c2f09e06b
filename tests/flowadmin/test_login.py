from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

pytestmark = pytest.mark.django_db
LOGIN = "/admin/login/"
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _static_root() -> None:
    """The middleware that serves static files warns of a folder that is not there."""
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", password="right", is_staff=True)


def log_in(password: str, name: str = "ada", address: str = "10.0.0.1") -> Any:
    given = {"username": name, "password": password}
    return Client(REMOTE_ADDR=address).post(LOGIN, given)


def guess(times: int, name: str = "ada") -> list[Any]:
    return [log_in("wrong", name) for _ in range(times)]


def test_five_wrong_passwords_lock_the_name_out(ada):
    assert [answer.status_code for answer in guess(5)] == [200, 200, 200, 200, 429]
    assert log_in("right").status_code == 429


def test_the_lock_opens_after_fifteen_minutes(ada):
    with time_machine.travel(NOW, tick=False) as clock:
        assert guess(5)[-1]["Retry-After"] == "900"
        clock.shift(timedelta(minutes=16))
        assert log_in("right").status_code == 302


def test_a_lock_is_for_one_name_from_one_address(ada):
    User.objects.create_user("bob", password="right", is_staff=True)
    guess(5)
    assert log_in("right", "bob").status_code == 302
    assert log_in("right", address="10.0.0.2").status_code == 302


def test_a_right_password_starts_the_count_again(ada):
    guess(4)
    assert log_in("right").status_code == 302
    assert guess(4)[-1].status_code == 200


def test_a_name_that_nobody_has_is_answered_alike(ada):
    known, unknown = guess(5), guess(5, "nobody")
    assert [a.status_code for a in known] == [a.status_code for a in unknown]
    assert known[-1].content == unknown[-1].content
    assert b"in 15 minutes" in known[-1].content


def test_a_new_password_ends_other_logins(ada):
    here, elsewhere = Client(), Client()
    for client in (here, elsewhere):
        client.force_login(ada)
    words = {"old_password": "right", "new_password1": "fjord-9-lamp"}
    changed = here.post("/admin/password_change/", {**words, "new_password2": "fjord-9-lamp"})
    assert changed.status_code == 302
    assert here.get("/admin/").status_code == 200
    assert elsewhere.get("/admin/").url.startswith(LOGIN)


def test_a_login_gets_a_session_of_its_own(ada):
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = "planted"
    client.post(LOGIN, {"username": "ada", "password": "right"})
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != "planted"


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(ada):
    cookie = log_in("right").cookies[settings.SESSION_COOKIE_NAME]
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "Lax", "")


def test_behind_https_cookies_are_sent_over_https_only():
    code = (
        "from flowadmin import settings as s; print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE)"
    )
    environment = {**os.environ, "FLOWADMIN_HTTPS": "true"}
    printed = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert printed.stdout.split() == [b"True", b"True"]
