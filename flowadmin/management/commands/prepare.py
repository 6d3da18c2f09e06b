from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from flowadmin.bootstrap import pool_keys
from flowadmin.environment import HOME, environment


class Command(BaseCommand):
    help = "Bring FlowAdmin's database up to date and make the keys of its pools."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        pool_keys.ensure(Path(environment.flowadmin_pool_keys or HOME / "keys"))
