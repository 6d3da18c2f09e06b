"""One moment for all that a run reads from one database, so that joined rows fit together.

Sources of the same database, in whichever stage, read at the moment the first of them is read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import duckdb

from engine.connections import Connections
from engine.connector import Snapshot
from engine.errors import ConnectorError, PlanError
from engine.execution.nodes import Nodes
from engine.execution.ready import Relation
from engine.plan import Step
from engine.stages.optimizer import Stage


@dataclass(slots=True)
class Moments:
    """Snapshots by the database they are of; None where it can give none."""

    nodes: Nodes
    connections: Connections
    stages: Sequence[Stage]
    _taken: dict[str, Snapshot | None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def close(self) -> None:
        for snapshot in self._taken.values():
            if snapshot:
                snapshot.close()
        self._taken.clear()

    def of(self, stage: Stage) -> dict[str, Snapshot]:
        """By slug, of the connections that ``stage`` reads; those read once have none."""
        found = {slug: self._snapshot(slug) for slug in self.nodes.reads(stage)}
        return {slug: snapshot for slug, snapshot in found.items() if snapshot}

    def warnings(self, slug: str) -> tuple[str, ...]:
        """What to say of a source whose database should have given a moment, and could not."""
        place = self._place(slug)
        if self._taken.get(place, ...) is not None or len(self._readers(place)) < 2:
            return ()
        label = self.connections.open(slug).connector.label
        return (
            f"{label} lets sessions share no snapshot: the sources of '{place}' were read one "
            "after another, and rows that changed meanwhile may not fit together",
        )

    def _snapshot(self, slug: str) -> Snapshot | None:
        place = self._place(slug)
        with self._lock:
            if place in self._taken:
                return self._taken[place]
            sessions = sum(map(self.nodes.sessions, self._readers(place)))
            if not place or sessions < 2:
                return None
            opened = self.connections.open(slug)
            self._taken[place] = opened.connector.snapshot(opened.config)
            return self._taken[place]

    def _readers(self, place: str) -> list[Step]:
        """The sources that read a database."""
        sources = (step for stage in self.stages for step in self.nodes.sources(stage))
        return [s for s in sources if self._place(self.nodes.config(s).connection) == place]

    def _place(self, slug: str) -> str:
        """Empty for a connection that cannot be opened: whoever reads it will say so."""
        with suppress(ConnectorError, PlanError):
            opened = self.connections.open(slug)
            return opened.connector.place(opened.config)
        return ""


@contextmanager
def read_at(
    snapshots: Mapping[str, Snapshot],
    relations: Mapping[str, Relation],
    session: duckdb.DuckDBPyConnection,
) -> Iterator[Callable[[], None]]:
    """Run what is inside in one transaction of ``session`` that reads at these moments.

    Yields what begins another such transaction, for a query that failed and is tried again.
    """

    def begin() -> None:
        session.execute("BEGIN")
        for relation in relations.values():
            if relation.alias and relation.connection in snapshots:
                snapshots[relation.connection].enter(session, relation.alias)

    def again() -> None:
        if snapshots:
            session.execute("ROLLBACK")
            begin()

    if not snapshots:
        yield again
        return
    try:
        begin()
        yield again
    except BaseException:
        with suppress(duckdb.Error):
            session.execute("ROLLBACK")
        raise
    session.execute("COMMIT")
