"""How many rows a load would insert, update and delete, found out without doing it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.loads.destination import COUNTED, Arriving, Destination
from engine.samples.sample import Cell
from engine.schema import Column, Schema, quote
from engine.transfer import Load

#: Keys that are looked up in a table, and those that are shown.
MAX_KEYS, SHOWN_KEYS = 10_000, 20

Key = tuple[Cell, ...]


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


def effect_of(
    destination: Destination, load: Load, table: Schema, arriving: Arriving, *, is_new: bool
) -> Effect:
    """``table`` has the columns that are known of the one that ``load`` goes into."""
    ((rows,),) = arriving.ask("count(*)")
    if load.keys:
        return _by_key(destination, load, _types(load, table, arriving), arriving, rows, is_new)
    if destination.mode != "replace" or is_new:
        return Effect(insert=rows)
    there = destination.count()
    return Effect(insert=rows, delete=there, deletes_more=there == COUNTED)


def _by_key(
    destination: Destination,
    load: Load,
    types: Mapping[str, str],
    arriving: Arriving,
    rows: int,
    is_new: bool,
) -> Effect:
    whole = [key for key in _keys(load, types, arriving) if None not in key]
    keys = list(dict.fromkeys(whole))
    doubled = len(whole) - len(keys)
    values = {name: [key[place] for key in keys] for place, name in enumerate(types)}
    there = [0] * len(keys) if is_new else destination.matches(load, values, types)
    if there is None:
        return Effect(insert=None, update=None, delete=None, doubled=doubled)
    known = tuple(key for key, count in zip(keys, there, strict=True) if count)
    if destination.mode == "upsert":
        update = len(known)
        return Effect(rows - doubled - update, update, 0, False, doubled, known[:SHOWN_KEYS])
    return Effect(rows, 0, sum(there), False, doubled, known[:SHOWN_KEYS])


def _types(load: Load, table: Schema, arriving: Arriving) -> dict[str, str]:
    """Key → the type in which it is written."""
    return {key: _type(table.find(key), load.columns[key], arriving) for key in load.keys}


def _type(into: Column | None, origin: str, arriving: Arriving) -> str:
    """That of what arrives where the target takes any."""
    arrived = arriving.schema.find(origin)
    if arrived and (into is None or into.native_type == "any"):
        return arrived.type
    return into.type if into else "VARCHAR"


def _keys(load: Load, types: Mapping[str, str], arriving: Arriving) -> list[Key]:
    """The key of each row, as text of what is written; what does not fit is NULL."""
    items = ", ".join(
        f"CAST(TRY_CAST({quote(load.columns[key])} AS {type_}) AS VARCHAR)"
        for key, type_ in types.items()
    )
    return arriving.ask(items, f" LIMIT {MAX_KEYS}")
