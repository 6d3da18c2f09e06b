"""What a load would do to its table, found out without doing it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from engine.loads.destination import Arriving, Destination
from engine.loads.file_plan import FileChange, file_changes
from engine.loads.write_effect import Effect, effect_of
from engine.media.files import FileLoad
from engine.schema import Column, Schema, quote
from engine.transfer import Load

#: Files that are shown.
SHOWN_FILES = 50


@dataclass(frozen=True, slots=True)
class Assignment:
    """A column that arrives and the one it is written to; types as their databases call them."""

    column: str
    type: str
    target: str
    target_type: str
    #: Rows of the sample whose value the target column cannot take.
    unfit: int


@dataclass(frozen=True, slots=True)
class WritePlan:
    table: str
    mode: str
    keys: tuple[str, ...]
    columns: tuple[Assignment, ...]
    #: Target columns that get their default, or NULL.
    unfilled: tuple[str, ...]
    #: Columns of the table that would be made; empty = it is there.
    creates: tuple[Column, ...]
    effect: Effect
    #: The first of those that are written, replaced or removed, and how many there are.
    files: tuple[FileChange, ...] = ()
    file_count: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "table": self.table,
            "mode": self.mode,
            "keys": list(self.keys),
            "columns": [asdict(assignment) for assignment in self.columns],
            "unfilled": list(self.unfilled),
            "creates": Schema(self.creates).as_json(),
            **asdict(self.effect),
            "files": [asdict(change) for change in self.files],
            "file_count": self.file_count,
        }


def plan_write(destination: Destination, arriving: Arriving) -> WritePlan:
    """What becomes of the rows that arrive, and of those that are there."""
    kind, config = destination.kind, destination.config
    found = destination.columns()
    created = () if found else kind.created(config, arriving.schema)
    table = Schema(tuple(found or created))
    mapping = kind.mapping(config, arriving.schema, table.columns)
    load = replace(destination.load(mapping), keys=kind.keys(config, table.columns))
    files = tuple(_files(destination, load, arriving))
    return WritePlan(
        table=str(destination.table),
        mode=destination.mode,
        keys=load.keys,
        columns=tuple(_assignments(mapping, table, arriving)),
        unfilled=tuple(name for name in table.names if name not in mapping),
        creates=tuple(created),
        effect=effect_of(destination, load, table, arriving, is_new=bool(created)),
        files=files[:SHOWN_FILES],
        file_count=len(files),
    )


def _files(destination: Destination, load: Load, arriving: Arriving) -> Iterable[FileChange]:
    """None for what writes into tables."""
    if not isinstance(load, FileLoad):
        return ()
    return file_changes(load, destination.held_files(load.path), arriving)


def _assignments(
    mapping: Mapping[str, str], table: Schema, arriving: Arriving
) -> Sequence[Assignment]:
    pairs = [(arriving.schema.find(origin), table.find(into)) for into, origin in mapping.items()]
    known = [(origin, into or origin) for origin, into in pairs if origin]
    counts = ", ".join(_unfit(origin, into) for origin, into in known)
    ((*unfit,),) = arriving.ask(counts) if known else [()]
    return [
        Assignment(origin.name, origin.type, into.name, into.native_type or into.type, count)
        for (origin, into), count in zip(known, unfit, strict=True)
    ]


def _unfit(origin: Column, into: Column) -> str:
    """SQL that counts values which no cast brings into the target's type."""
    name = quote(origin.name)
    refused = f"({name} IS NOT NULL AND TRY_CAST({name} AS {into.type}) IS NULL)"
    missing = f" OR {name} IS NULL" if not into.is_nullable else ""
    return f"count(*) FILTER (WHERE {refused}{missing})"
