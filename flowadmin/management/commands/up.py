from __future__ import annotations

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from flowadmin.environment import BASE_DIR, HOME


class Command(BaseCommand):
    """Replaces this process, so that no Django stays in memory to watch over the parts."""

    help = "Start all of FlowAdmin on this machine and keep it running; Ctrl-C stops it."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--demo", action="store_true", help="run a sample, check it, and stop")

    def handle(self, *args: Any, demo: bool, **options: Any) -> None:
        os.environ["FLOWADMIN_HOME"] = str(HOME)
        os.chdir(BASE_DIR)
        mode = "demo" if demo else "up"
        os.execv(sys.executable, [sys.executable, "-m", "flowadmin.supervisor", mode])  # noqa: S606
