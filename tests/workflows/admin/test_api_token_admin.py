from __future__ import annotations

import re

import pytest
from django.urls import reverse

from workflows.models import ApiToken, Role
from workflows.services import tokens

pytestmark = pytest.mark.django_db

ADD = "/admin/workflows/apitoken/add/"


@pytest.fixture
def keeper(as_role):
    return as_role(Role.ADMIN)


def form(team):
    return {"team": team.pk, "name": "ci", "role": 20, "expires_at_0": "", "expires_at_1": ""}


def test_a_new_token_is_shown_once_and_works(keeper, team):
    page = keeper.post(ADD, form(team), follow=True).content.decode()
    plain = re.search(r"fa_\w+_[\w-]+", page).group()
    assert tokens.find(plain) == ApiToken.objects.get(name="ci")
    again = keeper.get(reverse("admin:workflows_apitoken_changelist"))
    assert plain not in again.content.decode()


def test_a_revoked_token_no_longer_works(keeper, team):
    token, plain = tokens.create(team=team, name="ci")
    revoke = reverse("admin:workflows_apitoken_revoke", args=[token.pk])
    keeper.get(revoke)
    assert tokens.find(plain)
    keeper.post(revoke, {"_form_submitted": "on"})
    assert tokens.find(plain) is None


def test_what_a_token_may_do_never_changes(keeper, team):
    token, _ = tokens.create(team=team, name="ci", role=Role.VIEWER)
    change = reverse("admin:workflows_apitoken_change", args=[token.pk])
    keeper.post(change, {**form(team), "name": "renamed", "role": Role.ADMIN})
    token.refresh_from_db()
    assert (token.name, token.role) == ("renamed", Role.VIEWER)


def test_an_editor_sees_no_tokens(editor, team):
    tokens.create(team=team, name="ci")
    assert editor.get(reverse("admin:workflows_apitoken_changelist")).status_code == 403
