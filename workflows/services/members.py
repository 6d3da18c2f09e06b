"""Who belongs to a team. Three rules hold whoever asks, by whatever door:

1. Nobody gives or takes a role above the own one in that team.
2. Only a superuser touches the membership of a superuser.
3. A team that has an admin keeps one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from workflows.access import roles_of
from workflows.models import Membership, Role, Team


class MemberRefused(Exception):
    """``code`` is stable: above_own_role, superuser, last_admin, already_member, bad_name."""

    def __init__(self, reason: str, code: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


@dataclass(frozen=True, slots=True)
class Invited:
    """``link`` is the path of a page that sets the password of a new user, once; empty for
    a user who was there already."""

    membership: Membership
    link: str


@transaction.atomic
def invite(*, team: Team, by: Any, username: str, role: int, email: str = "") -> Invited:
    """Add the user of that name, who is made if there is none. Raises MemberRefused."""
    _refuse_above(by, team, role)
    user = User.objects.filter(username=username).first()
    is_new = user is None
    if user is None:
        user = _make_user(username, email)
    if user.is_superuser and not by.is_superuser:
        raise MemberRefused(f"'{username}' is a superuser; only superusers add them", "superuser")
    if team.memberships.filter(user=user).exists():
        raise MemberRefused(
            f"'{username}' is a member already; change the role instead", "already_member"
        )
    membership = Membership.objects.create(team=team, user=user, role=role)
    if not user.is_staff:
        # Without it Django's admin, where the pages are, lets nobody in.
        user.is_staff = True
        user.save(update_fields=["is_staff"])
    return Invited(membership, password_link(user) if is_new else "")


@transaction.atomic
def change_role(membership: Membership, role: int, *, by: Any) -> None:
    """Raises MemberRefused."""
    refuse(membership.team, by=by, touched=[membership], given=[role])
    membership.role = role
    membership.save(update_fields=["role"])


@transaction.atomic
def remove(membership: Membership, *, by: Any) -> None:
    """The user stays, without this team. Raises MemberRefused."""
    refuse(membership.team, by=by, touched=[membership], given=[])
    membership.delete()


def refuse(team: Team, *, by: Any, touched: Collection[Membership], given: Collection[int]) -> None:
    """Raise MemberRefused if ``by`` may not replace the stored roles of ``touched`` by ``given``.

    Locks the team, so that two admins cannot both be the last to leave; call it inside the
    transaction that writes.
    """
    Team.objects.select_for_update().get(pk=team.pk)
    rows = team.memberships.filter(pk__in=[one.pk for one in touched])
    stored = list(rows.select_related("user"))
    for role in [*given, *(one.role for one in stored)]:
        _refuse_above(by, team, role)
    if not by.is_superuser and any(one.user.is_superuser for one in stored):
        raise MemberRefused("a superuser's membership is changed by superusers only", "superuser")
    had_admin = any(one.role == Role.ADMIN for one in stored)
    others = _admins(team).exclude(pk__in=[one.pk for one in stored])
    if had_admin and Role.ADMIN not in given and not others.exists():
        raise MemberRefused(
            f"team '{team}' would have no admin; make somebody else one first", "last_admin"
        )


def password_link(user: User) -> str:
    """Path of the page that sets the user's password: works once, for three days."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    return reverse("set-password", args=[uid, default_token_generator.make_token(user)])


def _admins(team: Team) -> Any:
    return team.memberships.filter(role=Role.ADMIN, user__is_active=True)


def _refuse_above(by: Any, team: Team, role: int) -> None:
    if not by.is_superuser and role > roles_of(by).get(team.pk, 0):
        label = Role(role).label
        raise MemberRefused(f"'{label}' is above the own role in '{team}'", "above_own_role")


def _make_user(username: str, email: str) -> User:
    user = User(username=username, email=email, is_staff=True)
    user.set_unusable_password()
    try:
        user.full_clean(exclude=["password"])
    except ValidationError as error:
        raise MemberRefused(
            f"no user can be named '{username}': {' '.join(error.messages)}", "bad_name"
        ) from None
    user.save()
    return user
