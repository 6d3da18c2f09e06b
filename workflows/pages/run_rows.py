"""The cells of a list of runs that change while a run goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

from django.utils.html import format_html

from workers.pages.formats import duration, moment
from workflows.models import Run
from workflows.pages.badges import run_badge
from workflows.services.waiting import Waiting


class ListedRun(Protocol):
    """A run of a list, with its ``cells``."""

    pk: UUID
    cells: Mapping[str, str]


def cells(run: Run, waiting: Waiting | None) -> Mapping[str, str]:
    """Column → HTML."""
    return {
        "status": _status(run, waiting.text if waiting else ""),
        "started": str(moment(run.started_at)),
        "took": duration(run.duration_seconds),
    }


def live_cell(run: ListedRun, column: str) -> str:
    """To be found by ``live_rows.js``."""
    return format_html('<span data-cell="{} {}">{}</span>', run.pk, column, run.cells[column])


def _status(run: Run, why: str) -> str:
    badge = run_badge(run.state)
    if not why:
        return str(badge)
    return format_html('{}<span class="second-line" title="{}">{}</span>', badge, why, why)
