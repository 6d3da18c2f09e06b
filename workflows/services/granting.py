"""Roles that somebody else decides on: a directory's groups, told at each login."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

from workflows.models import Membership, Role, Team
from workflows.services import members

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Directory:
    """Its word counts like that of a superuser; that a team keeps an admin holds for it too."""

    is_superuser: bool = True


@transaction.atomic
def grant(user: User, roles: Mapping[str, str], *, within: Collection[str]) -> None:
    """Give the user exactly ``roles`` (slug of a team → name of a role) in the teams ``within``.

    Memberships of other teams stay, and superusers need none. What the rules of ``members``
    forbid stays as it is and is logged.
    """
    if user.is_superuser:
        return
    teams = {team.slug: team for team in Team.objects.filter(slug__in=within)}
    for slug in sorted(set(within) - set(teams)):
        _log.warning("single sign-on names team '%s', which is not there", slug)
    stored = {row.team_id: row for row in user.memberships.filter(team__in=teams.values())}
    for slug, team in sorted(teams.items()):
        role = Role[roles[slug].upper()] if slug in roles else None
        try:
            _settle(user, team, stored.get(team.pk), role)
        except members.MemberRefused as refusal:
            _log.warning("'%s' keeps the role in '%s': %s", user, team, refusal.reason)


def _settle(user: User, team: Team, stored: Membership | None, role: Role | None) -> None:
    directory = _Directory()
    if stored is None and role is not None:
        members.invite(team=team, by=directory, username=user.username, role=role)
    elif stored is not None and role is None:
        members.remove(stored, by=directory)
    elif stored is not None and role is not None and stored.role != role:
        members.change_role(stored, role, by=directory)
