"""``manage.py observe``: the long-lived process that follows runs."""

from __future__ import annotations

import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from workers.prefect.gateway import GatewayError
from workflows.services.observer import observer
from workflows.services.observing import backfill


class Command(BaseCommand):
    help = "Follow Prefect's runs until stopped; with --backfill, rebuild their rows and exit."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--backfill", action="store_true", help="rebuild and exit")
        parser.add_argument("--days", type=int, default=7, help="how far back (default 7)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["backfill"]:
            self._backfill(options["days"])
            return
        following = observer()
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: following.stop())
        following.run()

    def _backfill(self, days: int) -> None:
        try:
            count = backfill(days)
        except GatewayError as error:
            raise CommandError(f"Prefect: {error}") from error
        self.stdout.write(f"{count} runs read")
