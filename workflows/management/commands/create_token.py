"""``manage.py create_token TEAM NAME``: make a key to the API and print it once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from workflows.models import Role, Team
from workflows.services import tokens


class Command(BaseCommand):
    help = "Make an API token of a team and print it; it cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("team", help="slug of the team")
        parser.add_argument("name", help="what the token is for")
        parser.add_argument("--role", choices=[role.label for role in Role], default="operator")
        parser.add_argument("--days", type=int, help="valid for this many days; default: no end")

    def handle(self, *args: Any, **options: Any) -> None:
        team = Team.objects.filter(slug=options["team"]).first()
        if team is None:
            known = ", ".join(Team.objects.values_list("slug", flat=True)) or "none"
            raise CommandError(f"unknown team '{options['team']}'; teams: {known}")
        days = options["days"]
        _, plain = tokens.create(
            team=team,
            name=options["name"],
            role=Role[options["role"].upper()],
            expires_at=timezone.now() + timedelta(days=days) if days else None,
        )
        self.stdout.write(plain)
