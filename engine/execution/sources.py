"""What the sources of a stage yield, and the SELECTs that read them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import duckdb

from engine.connections import Connections, Opened
from engine.connector import Extraction
from engine.errors import StepFailed
from engine.execution.blaming import blame, blaming
from engine.execution.nodes import Nodes
from engine.execution.ready import Ready, Relation
from engine.loads.incremental import Progress
from engine.plan import Step
from engine.samples.sampling import SOURCE_ROWS
from engine.sandbox import Sandbox, Session
from engine.stages.culprit import in_words
from engine.stages.fusion import limited
from engine.stages.optimizer import Stage
from engine.streams.feeding import Feeds, first_of
from engine.streams.streaming import StreamedConnector


@dataclass(frozen=True, slots=True)
class Sources:
    """Describes and attaches them. With ``rows`` each reads at most so many."""

    nodes: Nodes
    connections: Connections
    progress: Progress
    sandbox: Sandbox
    rows: int | None
    is_sampled: bool

    def relations(self, stage: Stage, session: Session, feeds: Feeds) -> dict[str, Relation]:
        """By step key; every connection is attached then, every stream has its place."""
        found: dict[str, Relation] = {}
        readers: Counter[str] = Counter()
        for step in self.nodes.sources(stage):
            slug = self.nodes.config(step).connection
            alias = self.connections.alias(slug, session.number, readers[slug])
            with blaming(step.key):
                found[step.key] = self._relation(step, alias, feeds)
            readers[slug] += 1
        return found

    def cut_off(self, ready: Ready, error: duckdb.Error) -> dict[str, StepFailed]:
        """The failures of sources of which ``error`` may tell that they were cut off."""
        if isinstance(error, duckdb.DataError):
            return {}  # it quotes a value, which may say anything
        said = in_words(error)
        opened = {key: self.connections.open(r.connection) for key, r in ready.relations.items()}
        found = ((key, o.connector.cut_off(o.config, said)) for key, o in opened.items())
        return {key: blame(key, error) for key, error in found if error}

    def _relation(self, step: Step, alias: str, feeds: Feeds) -> Relation:
        slug = self.nodes.config(step).connection
        opened = self.connections.open(slug)
        extraction = self._extraction(step)
        if isinstance(opened.connector, StreamedConnector):
            found = self._fed(step.key, alias, opened, extraction, feeds)
        else:
            found = self._read(opened, extraction, alias)
        self.connections.attach(slug, self.sandbox)
        most = extraction.limit
        found = replace(found, connection=slug, alias=alias)
        return found if most is None else replace(found, sql=limited(found.sql, most))

    def _extraction(self, step: Step) -> Extraction:
        config, context = self.nodes.config(step), self.nodes.context
        whole: Extraction = self.nodes.kind(step).extraction(config, context)
        if self.rows is None:
            return self.progress.windowed(step, whole)
        return replace(whole, limit=self.rows)

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
