"""Puts staged documents in place. Whatever was done before, doing it again ends the same."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from engine.connectors.mongodb.documents import ids_of

if TYPE_CHECKING:
    from pymongo.database import Database
    from pymongo.errors import OperationFailure

    Document = dict[str, Any]

#: Keys that one delete names.
_KEYS = 1000
#: A duplicate key, a failed validation, keys without a unique index, a change of ``_id``.
_REFUSALS = {11_000, 121, 51_183, 51_190, 66}


def is_refusal(error: OperationFailure) -> bool:
    """Whether trying again would end the same."""
    return error.code in _REFUSALS


def place(database: Database[Document], entry: Document) -> None:
    """Raises pymongo's ``OperationFailure``; an append that is refused leaves no document."""
    match entry["mode"]:
        case "replace":
            _replace(database, entry)
        case "append":
            _append(database, entry)
        case "upsert":
            _upsert(database, entry)
        case "delete_insert":
            _delete_keys(database, entry)
            _merge(database, entry, on="_id")


def _replace(database: Database[Document], entry: Document) -> None:
    """The staged collection takes the name of the target, at once."""
    if entry["staged"] in database.list_collection_names():
        database[entry["staged"]].rename(entry["collection"], dropTarget=True)


def _append(database: Database[Document], entry: Document) -> None:
    from pymongo.errors import OperationFailure

    try:
        _merge(database, entry, on="_id")
    except OperationFailure as error:
        if is_refusal(error):
            database[entry["collection"]].delete_many({"_id": ids_of(entry)})
        raise


def _upsert(database: Database[Document], entry: Document) -> None:
    """Fields that do not arrive stay as they are."""
    keys = entry["keys"]
    if keys != ["_id"] and entry["collection"] not in database.list_collection_names():
        database[entry["collection"]].create_index([(key, 1) for key in keys], unique=True)
    _merge(database, entry, on=keys, when_matched="merge", keeps_id=entry["has_id"])


def _merge(
    database: Database[Document],
    entry: Document,
    *,
    on: str | list[str],
    when_matched: str = "keepExisting",
    keeps_id: bool = True,
) -> None:
    merge = {"into": entry["collection"], "on": on, "whenMatched": when_matched}
    stages: list[Document] = [] if keeps_id else [{"$project": {"_id": 0}}]
    stages.append({"$merge": {**merge, "whenNotMatched": "insert"}})
    database[entry["staged"]].aggregate(stages).close()


def _delete_keys(database: Database[Document], entry: Document) -> None:
    """Delete the target's documents whose key is among the staged, but not those of this load."""
    target = database[entry["collection"]]
    keys = entry["keys"]
    names = {f"k{i}": f"${key}" for i, key in enumerate(keys)}
    found = database[entry["staged"]].aggregate([{"$group": {"_id": names}}], allowDiskUse=True)
    others = {"_id": {"$not": ids_of(entry)}}
    for some in _by(_KEYS, iter(found)):
        each = [{key: d["_id"][f"k{i}"] for i, key in enumerate(keys)} for d in some]
        wanted = {keys[0]: {"$in": [d[keys[0]] for d in each]}} if len(keys) == 1 else {"$or": each}
        target.delete_many({"$and": [wanted, others]})


def _by(size: int, items: Iterator[Document]) -> Iterator[list[Document]]:
    while some := list(islice(items, size)):
        yield some
