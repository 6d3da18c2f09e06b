"""A web server of the product that has single sign-on, beside a real OpenID Connect server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest
from oidc_server import OidcServer, oidc_server

from flowadmin.embedded.part import free_port
from flowadmin.environment import BASE_DIR
from flowadmin.supervisor.running import running
from flowadmin.supervisor.web import web

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("single_sign_on")]
ADA = {
    "sub": "ada-1",
    "email": "ada@corp.example",
    "email_verified": True,
    "preferred_username": "ada",
    "groups": ["analysts"],
}
_ROWS = """
    insert into workflows_team (name, slug, allows_python)
    values ('Sales', 'sales', false), ('Finance', 'finance', false)
"""


@dataclass
class Site:
    url: str
    database: str
    server: OidcServer

    def ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database, autocommit=True) as connection:
            cursor = connection.execute(sql, values)
            return cursor.fetchall() if cursor.description else []

    def visitor(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60)

    def enter(self, **claims: Any) -> httpx.Response:
        """The page on which a new visitor ends who presses the button."""
        self.server.claims = {**ADA, **claims}
        with self.visitor() as visitor:
            return visitor.get(press(visitor).headers["Location"], follow_redirects=True)

    def roles(self, name: str) -> dict[str, int]:
        return dict(
            self.ask(
                "select t.slug, m.role from workflows_membership m "
                "join auth_user u on u.id = m.user_id join workflows_team t on t.id = m.team_id "
                "where u.username = %s",
                name,
            )
        )

    def add_user(self, name: str, password: str = "!", is_active: bool = True) -> None:
        self.ask(
            "insert into auth_user (username, email, password, is_active, is_staff, is_superuser,"
            " first_name, last_name, date_joined) values (%s, %s, %s, %s, true, false, '', '',"
            " now())",
            name,
            f"{name}@corp.example",
            password,
            is_active,
        )


def press(visitor: httpx.Client) -> httpx.Response:
    page = visitor.get("/admin/login/?next=/admin/workflows/run/")
    form = page.text[page.text.index('id="single-sign-on"') :]
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
    assert token
    given = {"csrfmiddlewaretoken": token[1], "next": "/admin/workflows/run/"}
    return visitor.post("/sso/login/", data=given)


@pytest.fixture(scope="module")
def started(postgres_server: str, redis_server: str, static_files: None) -> Iterator[Site]:
    """What `prepare` does comes first, on a database that never knew single sign-on."""
    name, port = f"sso_{uuid.uuid4().hex[:8]}", free_port()
    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as admin:
        admin.execute(f'create database "{name}"')
        with oidc_server() as server:
            env = {**os.environ, "DATABASE_URL": f"{postgres_server}/{name}"}
            env.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)
            prepare(env)
            env |= {
                "FLOWADMIN_OIDC_SERVER": server.url,
                "FLOWADMIN_OIDC_CLIENT_ID": server.client_id,
                "FLOWADMIN_OIDC_CLIENT_SECRET": server.client_secret,
                "FLOWADMIN_OIDC_NAME": "Corp ID",
                "FLOWADMIN_OIDC_DOMAINS": "corp.example",
                "FLOWADMIN_OIDC_GROUPS": "analysts=sales:editor, bosses=finance:admin, "
                "bosses=sales:viewer",
            }
            prepare(env)
            part = web(port, env)
            with running(part):
                site = Site(f"http://127.0.0.1:{port}", env["DATABASE_URL"], server)
                site.ask(_ROWS)
                yield site
        admin.execute(f'drop database "{name}" with (force)')


def prepare(env: dict[str, str]) -> None:
    subprocess.run([sys.executable, BASE_DIR / "manage.py", "prepare"], env=env, check=True)


@pytest.fixture
def sso(started: Site) -> Site:
    started.server.tell_truth()
    for table in ("socialaccount_socialaccount", "account_emailaddress", "workflows_membership"):
        started.ask(f"delete from {table}")
    started.ask("update workflows_auditentry set user_id = null")
    started.ask("delete from auth_user")
    return started


def test_somebody_new_enters_with_the_roles_of_the_groups(sso):
    page = sso.enter()
    assert (page.status_code, page.url.path) == (200, "/admin/workflows/run/")
    assert sso.roles("ada") == {"sales": 30}


def test_of_two_groups_the_higher_role_counts_and_each_login_settles_them(sso):
    sso.enter(groups=["bosses", "analysts"])
    assert sso.roles("ada") == {"sales": 30, "finance": 40}
    sso.enter(sub="bob-1", email="bob@corp.example", preferred_username="bob", groups=["bosses"])
    sso.enter(groups=["analysts"])
    assert sso.roles("ada") == {"sales": 30}


def test_the_last_admin_of_a_team_stays_whatever_the_groups_say(sso):
    sso.enter(groups=["bosses"])
    assert sso.enter(groups=["analysts"]).url.path == "/admin/workflows/run/"
    assert sso.roles("ada") == {"sales": 30, "finance": 40}


def test_what_a_login_changes_is_audited_as_the_servers_doing(sso):
    sso.enter()
    told = sso.ask("select event, actor from workflows_auditentry order by id desc limit 4")
    assert ("user.single_sign_on", "single sign-on") in told
    assert ("membership.created", "single sign-on") in told
    assert ("user.login", "ada") in told


@pytest.mark.parametrize(
    "claims",
    [{"email": "ada@elsewhere.example"}, {"email_verified": False}, {"groups": ["nobody"]}],
    ids=["another domain", "not verified", "no team"],
)
def test_who_may_not_enter_is_sent_back_and_not_made_a_user(sso, claims):
    page = sso.enter(**claims)
    assert page.url.path == "/admin/login/"
    assert "Not logged in" in page.text
    assert sso.ask("select username from auth_user") == []


def test_an_invited_user_without_a_password_is_known_by_a_verified_address(sso):
    sso.add_user("ada")
    assert sso.enter(preferred_username="a.lovelace").url.path == "/admin/workflows/run/"
    assert sso.ask("select username from auth_user") == [("ada",)]


def test_nobody_takes_over_a_user_who_has_a_password(sso):
    sso.add_user("ada", password="pbkdf2_sha256$1$salt$hash")
    assert "there is a user with the address" in sso.enter().text
    assert sso.ask("select count(*) from socialaccount_socialaccount") == [(0,)]


def test_a_name_that_is_taken_gives_nobody_the_account(sso):
    sso.add_user("root")
    sso.enter(preferred_username="root")
    assert sso.roles("root") == {}
    assert sso.ask("select count(*) from auth_user") == [(2,)]


def test_an_inactive_user_is_refused(sso):
    sso.enter()
    sso.ask("update auth_user set is_active = false")
    assert "not active" in sso.enter().text


@pytest.mark.parametrize(
    "lies",
    [
        {"nonce": "of another login"},
        {"aud": "another client"},
        {"iss": "https://elsewhere.example"},
        {"exp": 1},
        {"sub": "somebody else"},
    ],
    ids=lambda lies: next(iter(lies)),
)
def test_a_token_that_is_not_for_this_login_is_refused(sso, lies):
    sso.server.lies = lies
    assert sso.enter().url.path == "/admin/login/"
    assert sso.ask("select username from auth_user") == []


def test_a_token_with_a_wrong_signature_is_refused(sso):
    sso.server.forge()
    assert "did not confirm who you are" in sso.enter().text


def test_an_answer_that_nobody_asked_for_is_refused(sso):
    sso.server.claims = ADA
    with sso.visitor() as ada, sso.visitor() as eve:
        answer = ada.get(press(ada).headers["Location"]).headers["Location"]
        assert eve.get(answer).headers["Location"].startswith("/admin/login/")
        assert "sessionid" not in eve.cookies or eve.get("/admin/").status_code == 302


def test_the_way_out_has_state_nonce_and_pkce_and_may_be_taken(sso):
    with sso.visitor() as visitor:
        way = httpx.URL(press(visitor).headers["Location"])
        page = visitor.get("/admin/login/")
    assert {"state", "nonce", "code_challenge"} <= set(way.params)
    assert way.params["code_challenge_method"] == "S256"
    assert f"form-action 'self' {sso.server.url}" in page.headers["Content-Security-Policy"]
    assert "Log in with Corp ID" in page.text


def test_nothing_starts_by_a_mere_link(sso):
    assert httpx.get(f"{sso.url}/sso/login/").status_code == 405


def test_passwords_still_log_in_and_wrong_ones_still_lock(sso):
    with sso.visitor() as visitor:
        token = re.search(r'value="(\w{64})"', visitor.get("/admin/login/").text)
        assert token
        given = {"csrfmiddlewaretoken": token[1], "username": "eve", "password": "wrong"}
        answers = [visitor.post("/admin/login/", data=given).status_code for _ in range(5)]
    assert answers == [200, 200, 200, 200, 429]
