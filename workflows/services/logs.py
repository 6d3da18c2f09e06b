"""Lines of logs, of one run or of all runs of a workflow: pages by key, search, positions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db.models import QuerySet, Window
from django.db.models.functions import Mod, RowNumber

from workflows.models import LogLine, Run, Workflow

Lines = QuerySet[LogLine]

#: Lines of a page; a viewer asks for whole pages.
PAGE = 500
#: Lines that are read from the database at a time where all are wanted.
_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """``level`` is the least; ``text`` is found in any case of its letters."""

    node: str = ""
    level: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    """``starts`` = id of the first line of each page."""

    total: int
    starts: list[int]


@dataclass(frozen=True, slots=True)
class Hit:
    """``position`` counts from 0."""

    id: int
    position: int


class Written(NamedTuple):
    """What a text has of a line; a row of the model takes twice the time to make."""

    id: int
    at: datetime
    level: int
    node_key: str
    text: str


def lines_of_run(run: Run, wanted: Wanted) -> Lines:
    return _chosen(LogLine.objects.filter(run=run), wanted)


def lines_of_workflow(
    workflow: Workflow, wanted: Wanted, since: datetime, until: datetime | None = None
) -> Lines:
    """Of all runs that were made within the time."""
    runs = Run.objects.filter(workflow=workflow, created_at__gte=since)
    if until is not None:
        runs = runs.filter(created_at__lte=until)
    return _chosen(LogLine.objects.filter(run__in=runs.order_by().values("pk")), wanted)


def index(lines: Lines) -> Index:
    """Where the pages begin, in one pass."""
    numbered = lines.annotate(rest=Mod(Window(RowNumber(), order_by="id") - 1, PAGE))
    starts = list(numbered.filter(rest=0).order_by("id").values_list("id", flat=True))
    total = (len(starts) - 1) * PAGE + lines.filter(id__gte=starts[-1]).count() if starts else 0
    return Index(total, starts)


def page(lines: Lines, start: int, limit: int = PAGE) -> list[LogLine]:
    """From the line ``start`` on."""
    return list(lines.filter(id__gte=start).order_by("id")[:limit])


def find(lines: Lines, text: str, *, after: int = 0, before: int = 0) -> Hit | None:
    """The next line with ``text`` after a line, or the one before, among ``lines``."""
    hits = lines.filter(text__icontains=text)
    if before:
        return locate(lines, hits.filter(id__lt=before).order_by("-id").first())
    return locate(lines, hits.filter(id__gt=after).order_by("id").first())


def locate(lines: Lines, line: LogLine | None) -> Hit | None:
    """Its position among ``lines``."""
    return Hit(line.pk, lines.filter(id__lt=line.pk).count()) if line else None


def all_lines(lines: Lines) -> Iterator[list[Written]]:
    """Batch after batch, so that a log of any length takes the same memory."""
    rows = lines.order_by("id").values_list(*Written._fields)
    last = 0
    while batch := [Written._make(row) for row in rows.filter(id__gt=last)[:_BATCH]]:
        yield batch
        last = batch[-1].id


def _chosen(lines: Lines, wanted: Wanted) -> Lines:
    if wanted.node:
        lines = lines.filter(node_key=wanted.node)
    if wanted.level:
        lines = lines.filter(level__gte=wanted.level)
    if wanted.text:
        lines = lines.filter(text__icontains=wanted.text)
    return lines
