"""What a load would do to its table, found out without doing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import duckdb

from engine.connections import Opened
from engine.connector import TableName
from engine.errors import TableNotFound
from engine.kind import NodeConfig, Target
from engine.sample import Cell
from engine.schema import Column, Schema, quote

#: Rows of a table that are counted before it is said to have at least so many.
COUNTED = 1_000_000
#: Keys that are looked up in a table, and those that are shown.
MAX_KEYS, SHOWN_KEYS = 10_000, 20

Key = tuple[Cell, ...]


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
class Effect:
    """Rows to insert, update and delete; None where the connector cannot tell.

    All are of the rows that were sampled, but for ``delete`` of mode replace, which is of the
    whole table, and at least that many where ``deletes_more``.
    """

    insert: int | None
    update: int | None = 0
    delete: int | None = 0
    deletes_more: bool = False
    #: Rows whose key came before in the sample; with any, an upsert fails.
    doubled: int = 0
    #: The first keys that are in the table already, as text.
    known_keys: tuple[Key, ...] = ()


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

    def as_json(self) -> dict[str, Any]:
        return {
            "table": self.table,
            "mode": self.mode,
            "keys": list(self.keys),
            "columns": [asdict(assignment) for assignment in self.columns],
            "unfilled": list(self.unfilled),
            "creates": Schema(self.creates).as_json(),
            **asdict(self.effect),
        }


@dataclass(frozen=True, slots=True)
class Arriving:
    """The rows that reach a target: a SELECT, and the names and types of its columns."""

    session: duckdb.DuckDBPyConnection
    query: str
    schema: Schema

    def ask(self, items: str, more: str = "") -> list[tuple[Any, ...]]:
        return self.session.execute(f"SELECT {items} FROM ({self.query}\n){more}").fetchall()


@dataclass(frozen=True, slots=True)
class Destination:
    """A target node with its connection, of which only reading methods are called."""

    kind: Target[Any]
    config: NodeConfig
    opened: Opened

    @property
    def table(self) -> TableName:
        return self.kind.table(self.config)

    @property
    def mode(self) -> str:
        return str(getattr(self.config, "mode", "append"))

    def columns(self) -> Sequence[Column]:
        """Empty for a table that is not there and that the load makes."""
        try:
            return self.opened.connector.target_columns(self.opened.config, self.table)
        except TableNotFound:
            if self.kind.creates(self.config):
                return ()
            raise

    def count(self) -> int | None:
        return self.opened.connector.count(self.opened.config, self.table, COUNTED)

    def matches(self, names: Sequence[str], keys: Sequence[Key]) -> Sequence[int] | None:
        values = {name: [key[place] for key in keys] for place, name in enumerate(names)}
        return self.opened.connector.matches(self.opened.config, self.table, values)


def plan_write(destination: Destination, arriving: Arriving) -> WritePlan:
    """What becomes of the rows that arrive, and of those that are there."""
    kind, config = destination.kind, destination.config
    found = destination.columns()
    created = () if found else kind.created(config, arriving.schema)
    table = Schema(tuple(found or created))
    mapping = kind.mapping(config, arriving.schema, table.columns)
    keys = kind.keys(config, table.columns)
    return WritePlan(
        table=str(destination.table),
        mode=destination.mode,
        keys=keys,
        columns=tuple(_assignments(mapping, table, arriving)),
        unfilled=tuple(name for name in table.names if name not in mapping),
        creates=tuple(created),
        effect=_effect(destination, _keys(keys, mapping, table, arriving), keys, arriving, created),
    )


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


def _keys(
    keys: Sequence[str], mapping: Mapping[str, str], table: Schema, arriving: Arriving
) -> list[Key]:
    """The key of each row, as text of what is written; what does not fit is NULL."""
    if not keys:
        return []
    types = {column.name: column.type for column in table}
    items = ", ".join(
        f"CAST(TRY_CAST({quote(mapping[key])} AS {types[key]}) AS VARCHAR)" for key in keys
    )
    return arriving.ask(items, f" LIMIT {MAX_KEYS}")


def _effect(
    destination: Destination,
    arrived: Sequence[Key],
    names: Sequence[str],
    arriving: Arriving,
    created: Sequence[Column],
) -> Effect:
    ((rows,),) = arriving.ask("count(*)")
    if names:
        return _effect_by_key(destination, arrived, names, rows, is_new=bool(created))
    if destination.mode != "replace" or created:
        return Effect(insert=rows)
    there = destination.count()
    return Effect(insert=rows, delete=there, deletes_more=there == COUNTED)


def _effect_by_key(
    destination: Destination,
    arrived: Sequence[Key],
    names: Sequence[str],
    rows: int,
    *,
    is_new: bool,
) -> Effect:
    whole = [key for key in arrived if None not in key]
    keys = list(dict.fromkeys(whole))
    doubled = len(whole) - len(keys)
    there = [0] * len(keys) if is_new else destination.matches(names, keys)
    if there is None:
        return Effect(insert=None, update=None, delete=None, doubled=doubled)
    known = tuple(key for key, count in zip(keys, there, strict=True) if count)
    if destination.mode == "upsert":
        update = len(known)
        return Effect(rows - doubled - update, update, 0, False, doubled, known[:SHOWN_KEYS])
    return Effect(rows, 0, sum(there), False, doubled, known[:SHOWN_KEYS])
