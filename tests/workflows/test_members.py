from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.db import connection
from factories import MembershipFactory, TeamFactory, UserFactory

from workflows.access import ServicePrincipal
from workflows.models import Membership, Role, Team
from workflows.services import members, tokens

pytestmark = pytest.mark.django_db


@pytest.fixture
def team() -> Team:
    return TeamFactory()


@pytest.fixture
def admin(team) -> User:
    return MembershipFactory(team=team, role=Role.ADMIN).user


def refused(call, *args, **named) -> str:
    with pytest.raises(members.MemberRefused) as refusal:
        call(*args, **named)
    return refusal.value.code


def test_an_existing_user_is_added_without_a_link(team, admin):
    ada = UserFactory(username="ada")
    invited = members.invite(team=team, by=admin, username="ada", role=Role.EDITOR)
    assert (invited.membership.user, invited.link) == (ada, "")
    assert User.objects.get(pk=ada.pk).is_staff


def test_a_new_user_gets_a_link_and_no_password(team, admin):
    invited = members.invite(team=team, by=admin, username="ada", role=Role.VIEWER)
    assert invited.link.startswith("/admin/password/")
    assert not invited.membership.user.has_usable_password()


def test_a_name_that_no_user_can_have_is_refused(team, admin):
    assert refused(members.invite, team=team, by=admin, username="a b", role=10) == "bad_name"


def test_nobody_is_a_member_twice(team, admin):
    asked = {"team": team, "by": admin, "username": admin.username, "role": Role.VIEWER}
    assert refused(members.invite, **asked) == "already_member"


def test_nobody_gives_a_role_above_the_own(team):
    editor = MembershipFactory(team=team, role=Role.EDITOR).user
    asked = {"team": team, "by": editor, "username": "ada", "role": Role.ADMIN}
    assert refused(members.invite, **asked) == "above_own_role"


def test_nobody_changes_who_stands_above(team, admin):
    token, _ = tokens.create(team=team, name="ci", role=Role.EDITOR)
    above = admin.memberships.get()
    asked = {"by": ServicePrincipal(token)}
    assert refused(members.change_role, above, Role.VIEWER, **asked) == "above_own_role"


def test_a_superusers_membership_is_for_superusers(team, admin):
    root = UserFactory(is_superuser=True)
    theirs = MembershipFactory(team=team, user=root, role=Role.VIEWER)
    assert refused(members.remove, theirs, by=admin) == "superuser"
    members.remove(theirs, by=root)


def test_the_last_admin_stays(team, admin):
    only = admin.memberships.get()
    assert refused(members.remove, only, by=admin) == "last_admin"
    assert refused(members.change_role, only, Role.EDITOR, by=admin) == "last_admin"


def test_an_admin_who_cannot_log_in_does_not_count_as_one(team, admin):
    MembershipFactory(team=team, role=Role.ADMIN, user=UserFactory(is_active=False))
    assert refused(members.remove, admin.memberships.get(), by=admin) == "last_admin"


@pytest.mark.django_db(transaction=True)
def test_of_two_admins_who_leave_at_once_one_stays(team, admin):
    other = MembershipFactory(team=team, role=Role.ADMIN).user

    def leave(user: User) -> str:
        try:
            members.remove(user.memberships.get(), by=user)
        except members.MemberRefused as error:
            return error.code
        finally:
            connection.close()
        return "left"

    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(leave, [admin, other])) == ["last_admin", "left"]
    assert Membership.objects.filter(team=team).count() == 1
