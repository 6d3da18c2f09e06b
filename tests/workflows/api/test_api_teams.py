from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.dateparse import parse_datetime
from factories import MembershipFactory

from workflows.models import ApiToken, Role, Team
from workflows.services import tokens

pytestmark = pytest.mark.django_db


def test_one_sees_ones_own_teams_with_ones_role(editor, stranger):
    assert editor.get("teams/").json() == [{"slug": "shop", "name": "Shop", "role": "editor"}]


def test_members_are_for_admins_and_other_teams_are_not_there(editor, admin, stranger, member):
    assert editor.get("teams/shop/members").status_code == 403
    assert stranger.get("teams/shop/members").status_code == 404
    [ada] = admin.get("teams/shop/members").json()
    assert ada == {"username": "ada", "role": "editor", "is_active": True}


def test_a_new_member_chooses_a_password_by_the_link_once(admin):
    body = {"username": "grace", "role": "operator"}
    link = admin.post("teams/shop/members", body).json()["password_link"]
    browser = Client()
    form = browser.get(link, follow=True)
    chosen = {"new_password1": "a-long-enough-1", "new_password2": "a-long-enough-1"}
    page = browser.post(form.redirect_chain[-1][0], chosen)
    assert page["Location"] == "/admin/"
    assert User.objects.get(username="grace").check_password("a-long-enough-1")
    assert "used or is too old" in Client().get(link, follow=True).content.decode()


def test_a_role_is_changed_and_a_member_taken_out(admin, member):
    changed = admin.put("teams/shop/members/ada", {"role": "viewer"})
    assert changed.json()["role"] == "viewer"
    assert admin.delete("teams/shop/members/ada").status_code == 204
    assert User.objects.filter(username="ada").exists()
    assert not member.memberships.exists()


def test_the_last_admin_is_a_conflict(admin, team):
    only = MembershipFactory(team=team, role=Role.ADMIN)
    answer = admin.delete(f"teams/shop/members/{only.user.username}")
    assert (answer.status_code, answer.json()["code"]) == (409, "last_admin")


def test_a_token_is_made_shown_once_and_revoked(admin):
    made = admin.post("teams/shop/tokens", {"name": "ci", "role": "viewer"}).json()
    assert tokens.find(made["token"]).name == "ci"
    assert made["token"] not in admin.get("teams/shop/tokens").content.decode()
    assert admin.delete(f"teams/shop/tokens/{made['prefix']}").status_code == 204
    assert tokens.find(made["token"]) is None


def test_a_token_that_a_token_makes_does_not_outlive_it(admin):
    end = parse_datetime("2090-01-01T00:00:00Z")
    ApiToken.objects.update(expires_at=end)
    made = admin.post("teams/shop/tokens", {"name": "ci"}).json()
    assert parse_datetime(made["expires_at"]) == end


def test_a_token_of_another_team_is_not_revoked(admin, stranger):
    theirs = ApiToken.objects.get(team=Team.objects.get(slug="other"))
    assert admin.delete(f"teams/shop/tokens/{theirs.prefix}").status_code == 404
    assert tokens.is_valid(ApiToken.objects.get(pk=theirs.pk))


def test_a_token_made_by_a_token_is_its_makers_too(admin, team):
    member = MembershipFactory(team=team, role=Role.ADMIN, user__password=None)
    ApiToken.objects.update(created_by=member.user)
    made = admin.post("teams/shop/tokens", {"name": "second", "role": "viewer"}).json()
    member.delete()
    assert tokens.find(made["token"]) is None
