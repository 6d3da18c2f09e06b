"""``manage.py prune``: let go of what the retention policies no longer keep."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from workers.prefect.gateway import GatewayError
from workflows.services.retaining.outdated import outdated, prefect_tables
from workflows.services.retaining.pruning import prune


class Command(BaseCommand):
    help = "Remove old runs (from Prefect too), alert messages and audit entries, by policy."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would go, and its size"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            for line in outdated():
                self.stdout.write(f"{line.team}: {line.count} {line.what}, {line.space}")
            self.stdout.write(prefect_tables())
            return
        try:
            gone = prune()
        except GatewayError as error:
            raise CommandError(f"Prefect: {error}") from error
        counted = ", ".join(f"{count} {what}" for what, count in gone.items())
        self.stdout.write(f"removed {counted or 'nothing'}")
