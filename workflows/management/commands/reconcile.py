"""``manage.py reconcile``: compare rows, registrations and Prefect now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from workers.prefect.gateway import GatewayError
from workflows import registration
from workflows.services.reconciling import reconcile


class Command(BaseCommand):
    help = "Find lost deployments and silent changes, and register those workflows again."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = reconcile()
        except GatewayError as error:
            raise CommandError(f"Prefect: {error}") from error
        done = registration.sweep()
        self.stdout.write(
            f"missing {len(found.missing)}, orphaned {len(found.orphaned)}, "
            f"changed {len(found.changed)}, moved {len(found.moved)}, "
            f"superfluous {found.superfluous}; registered {len(done)}"
        )
