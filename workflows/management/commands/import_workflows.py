"""``manage.py import_workflows FILE… --team T``: import legacy payloads, a line for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from workflows.models import Team
from workflows.services.importing.legacy import (
    AlreadyThere,
    ImportRefused,
    Mode,
    NotThereToUpdate,
    import_payload,
)
from workflows.services.strict_json import JSONRefused, loads


class Command(BaseCommand):
    help = "Import addWorkflow payloads: .json holds one, .jsonl one per line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--team", required=True, help="slug of the owning team")
        parser.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.CREATE)
        parser.add_argument("--schedule", default="", help="cron:<5 fields> or interval:<minutes>")
        parser.add_argument("--timezone", default="UTC", help="of the cron schedule")
        parser.add_argument(
            "--connection",
            action="append",
            default=[],
            metavar="ID=SLUG",
            help="connector_id or database name = slug of a connection; repeatable",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        team = Team.objects.filter(slug=options["team"]).first()
        if team is None:
            known = ", ".join(Team.objects.values_list("slug", flat=True)) or "none"
            raise CommandError(f"unknown team '{options['team']}'; teams: {known}")
        settings = {
            "team": team,
            "mode": options["mode"],
            "schedule": options["schedule"],
            "timezone": options["timezone"],
            "connections": dict(map(_pair, options["connection"])),
        }
        results = [
            self._import(label, text, settings)
            for path in options["files"]
            for label, text in _payloads(path)
        ]
        failed = results.count(False)
        self.stdout.write(f"{len(results) - failed} imported, {failed} failed")
        if failed:
            raise CommandError(f"{failed} of {len(results)} payloads were not imported")

    def _import(self, label: str, text: str, settings: dict[str, Any]) -> bool:
        try:
            payload = loads(text)
            if not isinstance(payload, dict):
                raise JSONRefused(f"it is a {type(payload).__name__}; expected an object")
            imported = import_payload(payload, **settings)
        except JSONRefused as error:
            return self._failed(label, f"E_JSON: {error.message}")
        except ImportRefused as error:
            return self._failed(label, "; ".join(map(str, error.issues)))
        except (AlreadyThere, NotThereToUpdate) as error:
            return self._failed(label, str(error))
        warnings = ", ".join(sorted({issue.code for issue in imported.warnings}))
        note = f" ({warnings})" if warnings else ""
        workflow = imported.workflow
        self.stdout.write(f"ok      {label}: {workflow.name} → {workflow.pk}{note}")
        return True

    def _failed(self, label: str, why: str) -> bool:
        self.stdout.write(f"failed  {label}: {why}")
        return False


def _payloads(path: Path) -> Iterator[tuple[str, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read '{path}': {error}") from error
    if path.suffix != ".jsonl":
        yield str(path), text
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield f"{path}:{number}", line


def _pair(text: str) -> tuple[str, str]:
    name, separator, slug = text.partition("=")
    if not (name and separator and slug):
        raise CommandError(f"'{text}' is not a connection; expected <connector_id or db>=<slug>")
    return name, slug
