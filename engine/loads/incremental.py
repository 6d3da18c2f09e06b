"""How far each target has what incremental sources read.

A source reads what is above the smallest watermark of the targets it feeds and not above the
largest value there was when the run came to it. A watermark moves in the transaction of the
load that it is about, so that a load that fails is read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from engine.connections import Connections
from engine.graph import targets_of
from engine.kind import AnyKind, NodeConfig, Source
from engine.plan import Plan, Step, canonical_json
from engine.transfer import Extraction, Watermark


class Progress:
    """The windows of one run's sources, and the watermarks that its loads move."""

    def __init__(
        self,
        plan: Plan,
        *,
        kinds: Mapping[str, AnyKind],
        configs: Mapping[str, NodeConfig],
        connections: Connections,
    ) -> None:
        self._plan = plan
        self._kinds = kinds
        self._configs = configs
        self._connections = connections
        self._latest: dict[str, str | None] = {}
        self._watermarks: dict[str, list[Watermark]] = {}

    def windowed(self, source: Step, extraction: Extraction) -> Extraction:
        """``extraction`` with the rows to read this time; as it is where all are read."""
        kind: Any = self._kinds[source.kind]
        wanted = kind.incremental(self._configs[source.key]) if isinstance(kind, Source) else None
        if wanted is None:
            return extraction
        upto = self._latest_of(source, extraction, wanted.column)
        found = [
            self._watermark(source, target, extraction, wanted.column, upto)
            for target in targets_of(source, self._plan.steps, self._kinds)
        ]
        self._watermarks[source.key] = found
        above = [mark.before for mark in found if mark.before is not None]
        return replace(
            extraction,
            window=replace(
                wanted, above=tuple(above) if len(above) == len(found) else (), upto=upto
            ),
        )

    def moved_by(self, target: str) -> tuple[Watermark, ...]:
        """Watermarks that the load of ``target`` moves; none where there was nothing to read."""
        every = (mark for marks in self._watermarks.values() for mark in marks)
        return tuple(mark for mark in every if mark.target == target and mark.after is not None)

    def known(self, sources: Collection[str]) -> tuple[Watermark, ...]:
        """Watermarks of these sources, as far as they have been read."""
        return tuple(
            mark for key in self._watermarks if key in sources for mark in self._watermarks[key]
        )

    def adopt(self, marks: Iterable[Watermark]) -> None:
        """Take over the watermarks of sources whose rows an earlier run has read."""
        for mark in marks:
            held = self._watermarks.setdefault(mark.source, [])
            if mark not in held:
                held.append(mark)

    def _latest_of(self, source: Step, extraction: Extraction, column: str) -> str | None:
        """The same value however often a run tries."""
        if source.key not in self._latest:
            opened = self._connections.open(self._slug(source))
            latest = opened.connector.latest(opened.config, extraction, column)
            self._latest[source.key] = latest
        return self._latest[source.key]

    def _watermark(
        self, source: Step, target: Step, extraction: Extraction, column: str, upto: str | None
    ) -> Watermark:
        """What another source, column or table has left behind under these names is not used."""
        kind: Any = self._kinds[target.kind]
        table = str(kind.table(self._configs[target.key]))
        places = [self._slug(source), str(extraction.table), column, self._slug(target), table]
        scope = hashlib.sha256(canonical_json(places)).hexdigest()
        mark = Watermark(self._plan.workflow_id, source.key, target.key, scope, after=upto)
        opened = self._connections.open(self._slug(target))
        return replace(mark, before=opened.connector.watermark(opened.config, mark))

    def _slug(self, step: Step) -> str:
        return str(getattr(self._configs[step.key], "connection", ""))
