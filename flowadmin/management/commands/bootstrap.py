from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandParser

from flowadmin.bootstrap import accounts, samples, text
from flowadmin.bootstrap.sample_databases import NoSampleDatabases
from flowadmin.environment import HOME, environment
from workers.provisioning import ensure_pools
from workflows.models import Team, Workflow


class Command(BaseCommand):
    """Everything here is done once; what exists, or was removed by a user, stays so."""

    help = "Make pools, a team, an administrator and samples, and run one of them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--samples-only", action="store_true", help="no administrator, no run, no addresses"
        )

    def handle(self, *args: Any, samples_only: bool, **options: Any) -> None:
        ensure_pools()
        team = accounts.ensure_team()
        if samples_only:
            self._load_samples(team)
            return
        password = accounts.ensure_administrator(team)
        if self._load_samples(team):
            self._run_one(team)
        self.stdout.write(text.box(_addresses(password)))

    def _load_samples(self, team: Team) -> bool:
        """Whether they were loaded just now."""
        loaded = HOME / "samples.loaded"
        if loaded.exists():
            return False
        try:
            samples.load(team, User.objects.filter(is_superuser=True).first())
        except NoSampleDatabases as error:
            self.stderr.write(f"samples are left out: {error}")
            return False
        loaded.touch()
        return True

    def _run_one(self, team: Team) -> None:
        run = samples.run(Workflow.objects.get(team=team, name=samples.GREEN))
        self.stdout.write(text.result(run))


def _addresses(password: str | None) -> list[str]:
    address = f"http://127.0.0.1:{environment.flowadmin_web_port}"
    account = f"admin / {password}   (shown only this once)" if password else "as before"
    return [
        "FlowAdmin is ready",
        "",
        f"Admin     {address}/admin/",
        f"Sign in   {account}",
        f"API       {address}/api/v1/",
        f"Prefect   {environment.prefect_api_url}",
        "Stop      Ctrl-C",
    ]
