"""Viewers with the same rights and zone see the same, so that it is made once for all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.utils import timezone

from workflows import access
from workflows.models import ApiToken, chosen_zone
from workflows.services import tokens
from workflows.streams.ticket import Ticket, is_sealed_for, is_sealed_for_token


@dataclass(frozen=True, slots=True)
class Audience:
    """Equal when rights and zone are; ``principal`` is any one of the viewers."""

    is_superuser: bool
    is_token: bool
    roles: frozenset[tuple[int, int]]
    zone: tzinfo
    principal: Any = field(compare=False)


@dataclass(frozen=True, slots=True)
class Login:
    """What a connection came with: the ticket, and what proves that it is theirs.

    ``proof`` = the key of the session, or the API token; ``zone`` = the browser's.
    """

    ticket: Ticket
    proof: str
    zone: tzinfo = UTC


def audiences(logins: Collection[Login]) -> Mapping[Login, Audience]:
    """Those who are still logged in, in four queries whatever their number."""
    of_users = [login for login in logins if not login.ticket.is_token]
    of_tokens = [login for login in logins if login.ticket.is_token]
    return {**_of_users(of_users), **_of_tokens(of_tokens)}


def _of_users(logins: Collection[Login]) -> Mapping[Login, Audience]:
    if not logins:
        return {}
    keys = {login.proof for login in logins}
    open_sessions = set(
        Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now()).values_list(
            "session_key", flat=True
        )
    )
    known = get_user_model().objects.select_related("preferences")
    users = known.in_bulk({login.ticket.holder for login in logins})
    access.load_roles(users.values())
    return dict(_still_in(logins, open_sessions, users))


def _of_tokens(logins: Collection[Login]) -> Mapping[Login, Audience]:
    if not logins:
        return {}
    wanted = {login.ticket.holder for login in logins}
    found = ApiToken.objects.select_related("team").in_bulk(wanted)
    return {
        login: _audience(access.ServicePrincipal(token), login.zone)
        for login in logins
        if (token := found.get(login.ticket.holder))
        and tokens.is_valid(token)
        and is_sealed_for_token(login.ticket, token, login.proof)
    }


def _audience(principal: Any, zone: tzinfo) -> Audience:
    is_token = isinstance(principal, access.ServicePrincipal)
    roles = frozenset(access.roles_of(principal).items())
    return Audience(principal.is_superuser, is_token, roles, zone, principal)


def _still_in(
    logins: Iterable[Login], open_sessions: Collection[str], users: Mapping[int, Any]
) -> Iterable[tuple[Login, Audience]]:
    for login in logins:
        user = users.get(login.ticket.holder)
        if user is None or not user.is_active or login.proof not in open_sessions:
            continue
        if is_sealed_for(login.ticket, user, login.proof):
            yield login, _audience(user, chosen_zone(user) or login.zone)
