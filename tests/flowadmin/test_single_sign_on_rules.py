from __future__ import annotations

import pytest
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import Resolver404, resolve

from flowadmin.environment import Environment
from flowadmin.single_sign_on.rules import Rules, rules


def understood(**given: str) -> Rules:
    return rules(
        Environment.model_construct(**{f"flowadmin_oidc_{n}": v for n, v in given.items()})
    )


def test_a_group_gives_roles_in_several_teams():
    read = understood(groups="a=x:viewer, a=y:admin, b=x:editor")
    assert read.roles(["a", "b"]) == {"x": "editor", "y": "admin"}
    assert read.teams() == {"x", "y"}


def test_the_default_is_for_whom_no_group_gives_anything():
    read = understood(groups="a=x:editor", default="x:viewer")
    assert (read.roles(["z"]), read.roles(["a"])) == ({"x": "viewer"}, {"x": "editor"})


def test_a_domain_is_that_of_the_whole_address():
    read = understood(domains="Corp.example, @other.example")
    assert read.takes("ada@corp.example")
    assert not read.takes("ada@evil-corp.example")
    assert not read.takes("ada@corp.example.evil")


@pytest.mark.parametrize("given", ["a", "a=x", "a=x:owner", "a=:admin"])
def test_what_cannot_be_read_is_named(given):
    with pytest.raises(ImproperlyConfigured, match=r"FLOWADMIN_OIDC_GROUPS has '.*', expected"):
        understood(groups=given)


def test_without_a_server_nothing_of_it_is_there():
    assert not apps.is_installed("allauth.account")
    assert not [name for name in settings.MIDDLEWARE if "allauth" in name]
    with pytest.raises(Resolver404):
        resolve("/sso/login/")
