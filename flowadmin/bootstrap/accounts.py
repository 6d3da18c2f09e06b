"""The first team and its first administrator."""

from __future__ import annotations

import secrets

from django.contrib.auth.models import User

from workflows.models import Membership, Role, Team


def ensure_team() -> Team:
    """The team that is there, or a first one."""
    team = Team.objects.order_by("pk").first()
    return team or Team.objects.create(name="Default", slug="default")


def ensure_administrator(team: Team) -> str | None:
    """Make the user ``admin`` unless there is a superuser; its password, only this once."""
    if User.objects.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(9)
    user = User.objects.create_superuser("admin", password=password)
    Membership.objects.create(team=team, user=user, role=Role.ADMIN)
    return password
