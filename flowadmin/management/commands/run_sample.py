from __future__ import annotations

import hashlib
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from flowadmin.bootstrap import samples, text
from flowadmin.bootstrap.sample_databases import SAMPLES
from workflows.models import Connection, Workflow
from workflows.services.connections import config_of

_SHOWN = 10
Row = tuple[Any, ...]


class Command(BaseCommand):
    help = "Run the sample that works and compare its rows with those PostgreSQL computes."

    def handle(self, *args: Any, **options: Any) -> None:
        run = samples.run(Workflow.objects.get(name=samples.GREEN))
        self.stdout.write(text.result(run) + "\n")
        columns, rows = _query("sample-mart", "select * from order_facts order by order_id")
        _, expected = _query("sample-shop", (SAMPLES / "order_facts_expected.sql").read_text())
        self.stdout.write(text.table(columns, rows[:_SHOWN]))
        self.stdout.write(f"… {len(rows)} rows, checksum {_checksum(rows)}")
        self.stdout.write(f"expected {len(expected)} rows, checksum {_checksum(expected)}")
        if run.state != "COMPLETED" or rows != expected:
            raise CommandError(f"the sample did not arrive as expected: {run.message}")
        self.stdout.write("The rows are right.")


def _query(slug: str, statement: str) -> tuple[list[str], list[Row]]:
    connection = Connection.objects.get(slug=slug)
    with config_of(connection).connect() as database:  # type: ignore[attr-defined]
        cursor = database.execute(statement.encode())
        return [column.name for column in cursor.description], cursor.fetchall()


def _checksum(rows: list[Row]) -> str:
    text = "\n".join("|".join(map(str, row)) for row in rows)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
