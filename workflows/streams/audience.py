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
from workflows.streams.ticket import Ticket, is_sealed_for


@dataclass(frozen=True, slots=True)
class Audience:
    """Equal when rights and zone are; ``principal`` is any one of the viewers."""

    is_superuser: bool
    roles: frozenset[tuple[int, int]]
    zone: tzinfo
    principal: Any = field(compare=False)


@dataclass(frozen=True, slots=True)
class Login:
    """What a connection came with: the ticket, and the cookies."""

    ticket: Ticket
    session_key: str
    zone: tzinfo = UTC


def audiences(logins: Collection[Login]) -> Mapping[Login, Audience]:
    """Those who are still logged in, in three queries whatever their number."""
    keys = {login.session_key for login in logins}
    open_sessions = set(
        Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now()).values_list(
            "session_key", flat=True
        )
    )
    users = get_user_model().objects.in_bulk({login.ticket.user_id for login in logins})
    access.load_roles(users.values())
    return dict(_still_in(logins, open_sessions, users))


def _still_in(
    logins: Iterable[Login], open_sessions: Collection[str], users: Mapping[int, Any]
) -> Iterable[tuple[Login, Audience]]:
    for login in logins:
        user = users.get(login.ticket.user_id)
        if user is None or not user.is_active or login.session_key not in open_sessions:
            continue
        if is_sealed_for(login.ticket, user, login.session_key):
            roles = frozenset(access.roles_of(user).items())
            yield login, Audience(user.is_superuser, roles, login.zone, user)
