"""When each node of a run was at work, as bars on one scale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from workers.pages.formats import duration
from workflows.models import NodeRun

#: A bar narrower than this could not be seen, in percent.
_LEAST = 0.6


@dataclass(frozen=True, slots=True)
class Bar:
    """Both in percent of the whole."""

    left: float
    width: float
    title: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Node key → bar, for the nodes that have begun; ``length`` is the scale in words."""

    bars: Mapping[str, Bar]
    length: str


def timeline(node_runs: Iterable[NodeRun], now: datetime) -> Timeline | None:
    """From the first node's start to the last one's end, or until now; None before that."""
    spans = {
        row.node_key: (row.started_at, max(row.ended_at or now, row.started_at))
        for row in node_runs
        if row.started_at
    }
    if not spans:
        return None
    begin = min(start for start, _ in spans.values())
    whole = (max(end for _, end in spans.values()) - begin).total_seconds()
    bars = {key: _bar(start, end, begin, whole) for key, (start, end) in spans.items()}
    return Timeline(bars, duration(whole))


def _bar(start: datetime, end: datetime, begin: datetime, whole: float) -> Bar:
    after, long = (start - begin).total_seconds(), (end - start).total_seconds()
    title = f"begins after {duration(after)}, takes {duration(long)}"
    if not whole:
        return Bar(0, 100, title)
    width = max(100 * long / whole, _LEAST)
    return Bar(round(min(100 * after / whole, 100 - width), 2), round(width, 2), title)
