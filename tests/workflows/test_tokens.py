from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from factories import MembershipFactory, UserFactory

from workflows.access import ServicePrincipal, scope
from workflows.models import ApiToken, AuditEntry, Role, Team, Workflow
from workflows.services import tokens

pytestmark = pytest.mark.django_db


@pytest.fixture
def team() -> Team:
    return Team.objects.create(name="Shop", slug="shop")


def test_a_token_is_found_by_its_plain_text(team):
    token, plain = tokens.create(team=team, name="ci", role=Role.EDITOR)
    assert plain.startswith(f"fa_{token.prefix}_")
    assert tokens.find(plain) == token


def test_the_plain_text_is_not_stored(team):
    token, plain = tokens.create(team=team, name="ci")
    secret = plain.split("_", 2)[2]
    assert secret not in str(ApiToken.objects.filter(pk=token.pk).values())


@pytest.mark.parametrize("wrong", ["", "fa", "fa__", "nonsense", "fa_12345678_", "Fa_{0}_{1}"])
def test_anything_else_finds_nothing(team, wrong):
    _, plain = tokens.create(team=team, name="ci")
    assert tokens.find(wrong.format(*plain.split("_", 2)[1:])) is None


def test_a_wrong_secret_finds_nothing(team):
    _, plain = tokens.create(team=team, name="ci")
    assert tokens.find(plain[:-1] + ("a" if plain[-1] != "a" else "b")) is None


def test_an_expired_token_is_dead(team):
    past = timezone.now() - timedelta(seconds=1)
    _, plain = tokens.create(team=team, name="ci", expires_at=past)
    assert tokens.find(plain) is None


def test_a_revoked_token_is_dead_at_once(team):
    token, plain = tokens.create(team=team, name="ci")
    tokens.revoke(token)
    assert tokens.find(plain) is None


def test_use_is_noted_once_a_minute(team, django_assert_num_queries):
    _, plain = tokens.create(team=team, name="ci")
    assert tokens.find(plain) is not None
    assert ApiToken.objects.get().last_used_at is not None
    with django_assert_num_queries(1):
        tokens.find(plain)


def test_a_token_may_do_what_its_role_may_in_its_own_team_only(team):
    token, _ = tokens.create(team=team, name="ci", role=Role.OPERATOR)
    principal = ServicePrincipal(token)
    mine = Workflow.objects.create(team=team, name="A", slug="a")
    other = Team.objects.create(name="Other", slug="other")
    theirs = Workflow.objects.create(team=other, name="B", slug="b")
    assert principal.has_perm("workflows.run_workflow", mine)
    assert not principal.has_perm("workflows.change_workflow", mine)
    assert not principal.has_perm("workflows.run_workflow", theirs)
    assert list(scope(principal, Workflow.objects.all())) == [mine]


def test_the_command_prints_a_working_token(team):
    printed = StringIO()
    call_command("create_token", "shop", "ci", role="editor", days=3, stdout=printed)
    token = tokens.find(printed.getvalue().strip())
    assert token is not None and token.role == Role.EDITOR and token.expires_at is not None


def test_the_command_names_the_teams_there_are(team):
    with pytest.raises(CommandError, match="unknown team 'shp'; teams: shop"):
        call_command("create_token", "shp", "ci")


@pytest.fixture
def admin(team):
    member = MembershipFactory(team=team, role=Role.ADMIN, user__password=None)
    MembershipFactory(user=member.user, role=Role.ADMIN)
    return member


def leave(admin):
    admin.delete()


def be_lowered(admin):
    admin.role = Role.VIEWER
    admin.save()


def be_deactivated(admin):
    admin.user.is_active = False
    admin.user.save()


def be_deleted(admin):
    admin.user.delete()


@pytest.mark.parametrize("lose", [leave, be_lowered, be_deactivated, be_deleted])
def test_what_a_member_loses_is_lost_by_token_too(team, admin, lose):
    _, plain = tokens.create(team=team, name="ci", role=Role.EDITOR, created_by=admin.user)
    _, of_another = tokens.create(team=team, name="other", role=Role.EDITOR)
    lose(admin)
    assert tokens.find(plain) is None
    assert tokens.find(of_another) is not None
    assert AuditEntry.objects.filter(event="apitoken.revoked").count() == 1


def test_a_token_stays_while_its_maker_may_do_as_much(team, admin):
    _, plain = tokens.create(team=team, name="ci", role=Role.EDITOR, created_by=admin.user)
    admin.role = Role.EDITOR
    admin.save()
    admin.user.memberships.exclude(team=team).get().delete()
    assert tokens.find(plain) is not None


def test_who_is_no_superuser_any_more_has_no_tokens_of_one(team):
    user = UserFactory(password=None, is_superuser=True)
    _, plain = tokens.create(team=team, name="ci", created_by=user)
    user.is_superuser = False
    user.save()
    assert tokens.find(plain) is None
