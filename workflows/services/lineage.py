"""What feeds a column, and what it feeds: within a workflow, and on through tables they share.

Asked with a column of a node. A target's columns are those of its table; where another workflow
of the team reads that table over the same connection, the way goes on there, by name.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal
from uuid import UUID

from django.db.models import Q

from workflows.models import TableUse, Team, VersionLineage, Workflow
from workflows.outbox import send
from workflows.services.versions import latest_version

Direction = Literal["feeds_it", "it_feeds"]

#: A way that leads to more columns than this is cut, and said to be.
MAX_COLUMNS = 2_000


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A column of a node of a workflow."""

    workflow: UUID
    node: str
    column: str


@dataclass(frozen=True, slots=True)
class Found:
    place: Place
    #: Steps from the column that was asked about.
    distance: int
    #: The column one step nearer to it.
    via: Place
    #: Name of the workflow.
    workflow: str = ""
    #: ``connection: table`` of a node that reads or writes one.
    table: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """``found`` in the order of distance. Without ``is_traced`` the latest version is only now
    being looked at: ask again in a moment.
    """

    found: tuple[Found, ...] = ()
    is_traced: bool = True
    is_cut: bool = False


def follow(workflow: Workflow, node: str, column: str, direction: Direction) -> Answer:
    """Every column that the way from a column leads to; an unknown column leads nowhere."""
    ways = _Ways(workflow.team, direction)
    if not ways.knows(workflow.pk):
        send("workflows.tasks.trace", str(workflow.pk))
        return Answer(is_traced=False)
    start = Place(workflow.pk, node, ways.spelled(workflow.pk, node, column))
    distances = {start: 0}
    found: list[Found] = []
    waiting = deque([start])
    while waiting and len(found) < MAX_COLUMNS:
        near = waiting.popleft()
        for place in ways.beside(near):
            if place not in distances:
                distances[place] = distances[near] + 1
                found.append(Found(place, distances[place], near))
                waiting.append(place)
    return Answer(tuple(ways.named(found)), is_cut=bool(waiting))


def columns_of(workflow: Workflow) -> Mapping[str, list[str]]:
    """Node → its columns, of the latest version that was looked at; for a choice."""
    version = latest_version(workflow.pk)
    row = VersionLineage.objects.filter(version=version).first() if version else None
    return {node: list(columns) for node, columns in row.columns.items()} if row else {}


@dataclass(slots=True)
class _Ways:
    """The edges between columns in one direction; each workflow is read once."""

    team: Team
    direction: Direction
    _edges: dict[UUID, dict[tuple[str, str], list[tuple[str, str]]] | None] = field(
        default_factory=dict
    )
    _names: dict[UUID, dict[str, list[str]]] = field(default_factory=dict)
    _uses: dict[UUID, dict[str, TableUse]] = field(default_factory=dict)

    def knows(self, workflow: UUID) -> bool:
        return self._read(workflow) is not None

    def spelled(self, workflow: UUID, node: str, column: str) -> str:
        """The column as the node spells it, whatever its case."""
        names = self._names.get(workflow, {}).get(node, [])
        return next((name for name in names if name.casefold() == column.casefold()), column)

    def named(self, found: Sequence[Found]) -> Iterator[Found]:
        """What was found with the names of its workflows and tables."""
        ids = {one.place.workflow for one in found}
        names = dict(Workflow.objects.filter(pk__in=ids).values_list("pk", "name"))
        for one in found:
            use = self._use(one.place)
            table = f"{use.connection}: {use.full_name}" if use else ""
            yield replace(one, workflow=names[one.place.workflow], table=table)

    def beside(self, place: Place) -> Iterator[Place]:
        """The next columns on the way."""
        edges = self._read(place.workflow) or {}
        for node, column in edges.get((place.node, place.column), ()):
            yield Place(place.workflow, node, column)
        yield from self._through_table(place)

    def _through_table(self, place: Place) -> Iterator[Place]:
        """A source is fed by the targets that write its table, and a target feeds its readers."""
        use = self._use(place)
        if use is None or use.is_write == (self.direction == "feeds_it"):
            return
        same = TableUse.objects.filter(
            workflow__team=self.team,
            connection=use.connection,
            table=use.table,
            is_write=not use.is_write,
        )
        if use.schema:
            same = same.filter(Q(schema=use.schema) | Q(schema=""))
        for other in same.order_by("workflow_id", "node_key"):
            if self.knows(other.workflow_id):
                column = self.spelled(other.workflow_id, other.node_key, place.column)
                if column in self._names[other.workflow_id].get(other.node_key, ()):
                    yield Place(other.workflow_id, other.node_key, column)

    def _use(self, place: Place) -> TableUse | None:
        if place.workflow not in self._uses:
            mine = TableUse.objects.filter(workflow_id=place.workflow)
            self._uses[place.workflow] = {use.node_key: use for use in mine}
        return self._uses[place.workflow].get(place.node)

    def _read(self, workflow: UUID) -> dict[tuple[str, str], list[tuple[str, str]]] | None:
        if workflow not in self._edges:
            version = latest_version(workflow)
            row = VersionLineage.objects.filter(version=version).first() if version else None
            self._names[workflow] = {n: list(c) for n, c in row.columns.items()} if row else {}
            self._edges[workflow] = _edges(row, self.direction) if row else None
        return self._edges[workflow]


def _edges(
    row: VersionLineage, direction: Direction
) -> dict[tuple[str, str], list[tuple[str, str]]]:
    edges: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for node, columns in row.columns.items():
        for column, origins in columns.items():
            for origin in map(tuple, origins):
                if direction == "feeds_it":
                    edges.setdefault((node, column), []).append(origin)
                else:
                    edges.setdefault(origin, []).append((node, column))
    return edges
