"""What the sources of a stage yield, and the SELECTs that read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import duckdb

from engine.connections import Connections, Opened
from engine.errors import StepFailed
from engine.execution.blaming import blame, blaming
from engine.execution.moments import Moments
from engine.execution.nodes import Nodes
from engine.execution.parts import Part
from engine.execution.ready import Ready, Relation
from engine.loads.incremental import Progress
from engine.plan import Step
from engine.samples.sampling import SOURCE_ROWS
from engine.sandbox import Sandbox, Session
from engine.schema import quote
from engine.stages.culprit import in_words
from engine.stages.fusion import limited
from engine.stages.optimizer import Stage
from engine.streams.arrow import arrived
from engine.streams.feeding import Feeds, first_of
from engine.streams.streaming import StreamedConnector
from engine.transfer import Extraction


@dataclass(frozen=True, slots=True)
class Sources:
    """Describes and attaches them. With ``rows`` each reads at most so many."""

    nodes: Nodes
    connections: Connections
    progress: Progress
    moments: Moments
    sandbox: Sandbox
    rows: int | None
    is_sampled: bool
    _read_alone: set[str] = field(default_factory=set)

    def warnings(self, step: Step) -> tuple[str, ...]:
        """What to say of a source that more sessions should have read than one."""
        if step.key not in self._read_alone:
            return ()
        return (
            f"one session read it, not {self.nodes.sessions(step)}: parts are read of PostgreSQL's "
            "own tables only (14 or later), not of views, foreign tables and tables others inherit "
            "from; set 'sessions' to 1",
        )

    def relations(self, stage: Stage, session: Session, feeds: Feeds) -> dict[str, Relation]:
        """By step key; every connection is attached then, every stream has its place."""
        found: dict[str, Relation] = {}
        readers: Counter[str] = Counter()
        for step in self.nodes.sources(stage):
            slug = self.nodes.config(step).connection
            alias = self.connections.alias(slug, session.number, readers[slug])
            with blaming(step.key):
                found[step.key] = self._relation(stage, step, alias, feeds)
            readers[slug] += 1
        return found

    def explained(self, ready: Ready, error: duckdb.Error) -> dict[str, StepFailed]:
        """The failures of sources whose connectors know what ``error`` means."""
        if isinstance(error, duckdb.DataError):
            return {}  # it quotes a value, which may say anything
        said = in_words(error)
        found: dict[str, StepFailed] = {}
        for key, relation in ready.relations.items():
            opened = self.connections.open(relation.connection)
            meant = opened.connector.explained(opened.config, relation.extraction, said)
            if meant:
                found[key] = blame(key, meant)
        return found

    def _relation(self, stage: Stage, step: Step, alias: str, feeds: Feeds) -> Relation:
        slug = self.nodes.config(step).connection
        opened = self.connections.open(slug)
        extraction = self._extraction(step)
        if parts := self._parts(stage, step, opened, extraction, alias):
            found = self._read_in_parts(parts, opened, extraction, feeds)
        elif isinstance(opened.connector, StreamedConnector):
            found = self._fed(step.key, alias, opened, extraction, feeds)
        else:
            found = replace(self._read(opened, extraction, alias), alias=alias)
        self.connections.attach(slug, self.sandbox)
        most = extraction.limit
        found = replace(found, connection=slug)
        return found if most is None else replace(found, sql=limited(found.sql, most))

    def _extraction(self, step: Step) -> Extraction:
        config, context = self.nodes.config(step), self.nodes.context
        whole: Extraction = self.nodes.kind(step).extraction(config, context)
        if self.rows is None:
            return self.progress.windowed(step, whole)
        return replace(whole, limit=self.rows)

    def _parts(
        self, stage: Stage, step: Step, opened: Opened, extraction: Extraction, alias: str
    ) -> list[Part]:
        """What each of several sessions reads; none where one reads everything."""
        most = self.nodes.sessions(step)
        if most < 2 or self.rows is not None:
            return []
        snapshot = self.moments.of(stage).get(self.nodes.config(step).connection)
        found = snapshot.parts(extraction, most) if snapshot else ()
        if not found:
            self._read_alone.add(step.key)
        if snapshot is None or len(found) < 2:
            return []
        sql = partial(opened.connector.relation, opened.config, alias=alias)
        return [Part(step.key, part, sql(part), alias, snapshot, opened) for part in found]

    def _read_in_parts(
        self, parts: Sequence[Part], opened: Opened, extraction: Extraction, feeds: Feeds
    ) -> Relation:
        schema = opened.connector.describe(opened.config, extraction)
        name = f"{parts[0].alias} in parts"
        database = self.sandbox.database
        feeds.add(parts[0].step, name, schema, *(partial(p.stream, database) for p in parts))
        select = f"SELECT {', '.join(map(arrived, schema))} FROM "
        first_rows = select + quote(first_of(name)) if self.is_sampled else ""
        return Relation(schema, select + quote(name), first_rows, extraction)

    def _read(self, opened: Opened, extraction: Extraction, alias: str) -> Relation:
        connector, config = opened.connector, opened.config
        few = replace(extraction, limit=SOURCE_ROWS)
        return Relation(
            connector.describe(config, extraction),
            connector.relation(config, extraction, alias),
            connector.relation(config, few, alias) if self.is_sampled else "",
            extraction,
        )

    def _fed(
        self, step: str, alias: str, opened: Opened, extraction: Extraction, feeds: Feeds
    ) -> Relation:
        """A streamed source, read from the rows that are fed to ``alias``."""
        connector, config = opened.connector, opened.config
        assert isinstance(connector, StreamedConnector)
        reading = connector.reading(config, extraction)
        feeds.add(
            step,
            alias,
            reading.schema,
            lambda: connector.stream(config, reading.extraction, reading.schema),
        )
        first_rows = reading.relation(first_of(alias)) if self.is_sampled else ""
        return Relation(reading.yielded, reading.relation(alias), first_rows, extraction)
