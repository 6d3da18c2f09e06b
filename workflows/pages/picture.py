"""The picture of a workflow: its nodes and dependencies with what became of each in a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.registry import kinds
from workers.pages.badges import Badge
from workers.pages.formats import count, duration
from workflows.models import NodeRun, Workflow
from workflows.pages.badges import node_badge
from workflows.pages.layout import HEIGHT, WIDTH, Edge, Place, arrange, extent

#: More would be neither readable nor quick to draw.
NODES_AT_MOST = 300
_NOT_RUN = Badge("idle", "radio_button_unchecked", "Not run yet")


@dataclass(frozen=True, slots=True)
class Box:
    """A node in the picture."""

    key: str
    name: str
    kind: str
    icon: str
    badge: Badge
    rows: str
    time: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Line:
    """A dependency in the picture: an SVG path, and how its source stands."""

    path: str
    tone: str
    title: str


@dataclass(frozen=True, slots=True)
class Picture:
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    width: int
    height: int
    box_width: int = WIDTH
    box_height: int = HEIGHT

    @property
    def least_width(self) -> int:
        """Shrunk further, names could not be read."""
        return round(0.75 * self.width)


def picture(
    nodes: Sequence[Mapping[str, Any]],
    edges: Sequence[Edge],
    layout: Mapping[str, Mapping[str, float]],
    node_runs: Iterable[NodeRun],
    *,
    not_run: Badge = _NOT_RUN,
) -> Picture | None:
    """``nodes`` as a definition has them (key, name, kind); None where it would not help."""
    if not 0 < len(nodes) <= NODES_AT_MOST:
        return None
    seen = {row.node_key: row for row in node_runs}
    places = arrange([node["key"] for node in nodes], edges, layout)
    boxes = {n["key"]: _box(n, places[n["key"]], seen.get(n["key"]), not_run) for n in nodes}
    width, height = extent(places)
    return Picture(
        boxes=tuple(boxes.values()),
        lines=tuple(_line(boxes[a], boxes[b]) for a, b in edges if a in boxes and b in boxes),
        width=round(width),
        height=round(height),
    )


def picture_of_version(
    definition: Mapping[str, Any],
    layout: Mapping[str, Mapping[str, float]],
    node_runs: Iterable[NodeRun],
    not_run: Badge,
) -> Picture | None:
    edges = [(edge["source"], edge["target"]) for edge in definition.get("dependencies", [])]
    return picture(definition.get("nodes", []), edges, layout, node_runs, not_run=not_run)


def picture_of_workflow(workflow: Workflow, node_runs: Iterable[NodeRun]) -> Picture | None:
    """The nodes as they are saved now, with what became of them in the last run."""
    nodes = list(workflow.nodes.values("key", "name", "kind", "x", "y"))
    edges = list(workflow.dependencies.values_list("source__key", "target__key"))
    layout = {node["key"]: {"x": node["x"], "y": node["y"]} for node in nodes}
    return picture(nodes, edges, layout, node_runs)


def _box(node: Mapping[str, Any], place: Place, row: NodeRun | None, not_run: Badge) -> Box:
    kind = kinds().get(node["kind"])
    seconds = None
    if row is not None:
        seconds = row.seconds if row.seconds is not None else row.duration_seconds
    return Box(
        key=node["key"],
        name=node.get("name") or node["key"],
        kind=kind.label if kind else node["kind"],
        icon=kind.icon if kind else "help",
        badge=node_badge(row, not_run) if row and row.state_at else not_run,
        rows=_short(row.rows_out) if row and row.rows_out is not None else "",
        time=duration(seconds) if seconds is not None else "",
        x=round(place.x),
        y=round(place.y),
    )


def _short(rows: int) -> str:
    """As it fits into a box, beside a state."""
    return f"{rows / 10**6:,.1f} M" if rows >= 10**6 else count(rows)


def _line(source: Box, target: Box) -> Line:
    x1, y1 = source.x + WIDTH, source.y + HEIGHT // 2
    x2, y2 = target.x, target.y + HEIGHT // 2
    bend = max(28, abs(x2 - x1) // 2)
    return Line(
        path=f"M{x1},{y1} C{x1 + bend},{y1} {x2 - bend},{y2} {x2 - 6},{y2}",
        tone=source.badge.tone,
        title=f"{source.name} → {target.name}",
    )
