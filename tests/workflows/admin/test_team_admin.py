from __future__ import annotations

import re

import pytest
from admin_posts import rows_of
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from factories import MembershipFactory, UserFactory

from workflows.models import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(as_role):
    return as_role(Role.ADMIN)


@pytest.fixture
def change(team) -> str:
    return reverse("admin:workflows_team_change", args=[team.pk])


def row(membership, role=None, **more):
    return {
        "id": membership.pk,
        "team": membership.team_id,
        "role": role or membership.role,
        **more,
    }


def invite(client, team, **given):
    address = reverse("admin:workflows_team_add_member", args=[team.pk])
    body = {"username": "grace", "email": "", "role": 20, "_form_submitted": "on", **given}
    return client.post(address, body, follow=True).content.decode()


def test_an_admin_invites_and_is_shown_the_link_once(admin, team):
    page = invite(admin, team)
    link = re.search(r"http://testserver(/admin/password/\S+?/\S+?/)", page).group(1)
    assert "Choose a password" in Client().get(link, follow=True).content.decode()
    assert User.objects.get(username="grace").memberships.get().role == Role.OPERATOR


def test_an_editor_does_not_invite(editor, team):
    invite(editor, team)
    assert not User.objects.filter(username="grace").exists()


def test_an_admin_changes_roles_and_takes_members_out(admin, team, change):
    promoted = MembershipFactory(team=team, role=Role.VIEWER)
    gone = MembershipFactory(team=team)
    rows = rows_of("memberships", row(promoted, Role.EDITOR), row(gone, DELETE="on"))
    admin.post(change, {"name": "Shop", **rows})
    promoted.refresh_from_db()
    assert promoted.role == Role.EDITOR
    assert not gone.user.memberships.exists()


def test_the_form_says_why_the_last_admin_stays(admin, team, change):
    last = team.memberships.get()
    answer = admin.post(change, {"name": "Shop", **rows_of("memberships", row(last, Role.VIEWER))})
    assert "would have no admin" in answer.content.decode()
    last.refresh_from_db()
    assert last.role == Role.ADMIN


def test_the_form_does_not_touch_superusers(admin, team, change):
    theirs = MembershipFactory(team=team, user=UserFactory(is_superuser=True))
    rows = rows_of("memberships", row(theirs, DELETE="on"))
    answer = admin.post(change, {"name": "Shop", **rows})
    assert "changed by superusers only" in answer.content.decode()
    theirs.refresh_from_db()


def test_the_user_of_a_membership_never_changes(admin, team, change):
    member = MembershipFactory(team=team)
    rows = rows_of("memberships", row(member, user=UserFactory().pk))
    admin.post(change, {"name": "Shop", **rows})
    user = member.user
    member.refresh_from_db()
    assert member.user == user
