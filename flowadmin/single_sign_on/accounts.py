"""Who is let in as whom, once the server has said who somebody is."""

from __future__ import annotations

import logging
import secrets
from typing import Any, NoReturn

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import redirect

from workflows.accounts import BACKEND
from workflows.acting import Actor, acting
from workflows.pages.audited import address_of
from workflows.services import auditing, granting

_log = logging.getLogger(__name__)


class Accounts(DefaultAccountAdapter):
    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Whoever comes in by a password is not greeted either."""


class Entrance(DefaultSocialAccountAdapter):
    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        claims = claims_of(sociallogin)
        self._check(request, sociallogin, claims)
        if not sociallogin.is_existing:
            self._join_invited(request, sociallogin, claims)
        if sociallogin.is_existing:
            if not sociallogin.user.is_active:
                refuse(request, "this user is not active; ask an administrator")
            # The library's own would check passwords past the lock of axes.
            sociallogin.user.backend = BACKEND
            _grant(request, sociallogin.user, claims)
        # Users have one address, in their own row.
        sociallogin.email_addresses = []

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        with transaction.atomic(), acting(_server(request)):
            user = sociallogin.user
            user.is_staff = True
            user.backend = BACKEND
            super().save_user(request, sociallogin, form)
            _grant(request, user, claims_of(sociallogin))
        return user

    def on_authentication_error(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        reason = kwargs.get("exception") or kwargs.get("error")
        _log.warning("single sign-on failed: %s", reason)
        refuse(request, f"{settings.FLOWADMIN_OIDC_NAME} did not confirm who you are; try again")

    def _check(
        self, request: HttpRequest, sociallogin: SocialLogin, claims: dict[str, Any]
    ) -> None:
        nonce = sociallogin.account.extra_data.get("id_token", {}).get("nonce", "")
        expected = sociallogin.state.get("nonce")
        if not expected or not secrets.compare_digest(str(nonce), expected):
            refuse(request, "the answer belongs to another login; try again")
        rules = settings.FLOWADMIN_OIDC_RULES
        # An address that nobody has verified proves no domain.
        if rules.email_domains and not (_is_verified(claims) and rules.takes(_email(claims))):
            refuse(request, f"'{_email(claims)}' is not a verified address that may log in here")

    def _join_invited(
        self, request: HttpRequest, sociallogin: SocialLogin, claims: dict[str, Any]
    ) -> None:
        """Somebody who was invited and has no password yet is known by a verified address;
        anybody else of that address keeps the account to themselves."""
        email = _email(claims)
        known = list(User.objects.filter(email__iexact=email)) if email else []
        if known:
            [user, *others] = known
            if (
                others
                or user.is_superuser
                or user.has_usable_password()
                or not _is_verified(claims)
            ):
                refuse(request, f"there is a user with the address '{email}'; ask an administrator")
            sociallogin.user = user
            sociallogin.save(request, connect=True)
        elif not email or not settings.FLOWADMIN_OIDC_RULES.roles(_groups(claims)):
            refuse(request, "no team has a place for you; ask an administrator")


def claims_of(sociallogin: SocialLogin) -> dict[str, Any]:
    """Those of the token and of the user information, which knows more."""
    told = sociallogin.account.extra_data
    return {**told.get("id_token", {}), **told.get("userinfo", {})}


def refuse(request: HttpRequest, reason: str) -> NoReturn:
    """Back to the login page, which shows ``reason``."""
    with acting(_server(request)):
        auditing.record("user.login_failed", reason=reason)
    messages.error(request, f"Not logged in: {reason}.")
    raise ImmediateHttpResponse(redirect(settings.LOGIN_URL))


def _grant(request: HttpRequest, user: User, claims: dict[str, Any]) -> None:
    rules, groups = settings.FLOWADMIN_OIDC_RULES, _groups(claims)
    with transaction.atomic(), acting(_server(request)):
        auditing.record("user.single_sign_on", user, groups=groups)
        granting.grant(user, rules.roles(groups), within=rules.teams())


def _server(request: HttpRequest) -> Actor:
    return Actor("single sign-on", None, address_of(request))


def _groups(claims: dict[str, Any]) -> list[str]:
    told = claims.get(settings.FLOWADMIN_OIDC_RULES.groups_claim, [])
    return [told] if isinstance(told, str) else [str(group) for group in told or ()]


def _email(claims: dict[str, Any]) -> str:
    return str(claims.get("email") or "")


def _is_verified(claims: dict[str, Any]) -> bool:
    return claims.get("email_verified") is True
