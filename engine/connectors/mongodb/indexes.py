"""Indexes of collections: what is unique, and how to give another collection the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engine.schema import Column

if TYPE_CHECKING:
    from pymongo.collection import Collection

#: What an index says besides what it is made of; not its version, nor where it is.
_OPTIONS = (
    "name",
    "unique",
    "sparse",
    "expireAfterSeconds",
    "partialFilterExpression",
    "collation",
    "hidden",
    "wildcardProjection",
    "weights",
    "default_language",
    "language_override",
)


def unique_fields(collection: Collection[dict[str, Any]]) -> list[Column]:
    """``_id`` and the fields of unique indexes by which ``$merge`` can find a document."""
    fields: dict[str, list[str]] = {"_id": ["_id_"]}
    for index in collection.list_indexes():
        is_partial = index.get("sparse") or "partialFilterExpression" in index
        if index.get("unique") and not is_partial and "collation" not in index:
            for path in index["key"]:
                fields.setdefault(path, []).append(index["name"])
    return [
        Column(path, "VARCHAR", native_type="any", unique_in=tuple(names))
        for path, names in fields.items()
    ]


def copy_indexes(
    origin: Collection[dict[str, Any]],
    copy: Collection[dict[str, Any]],
    *,
    only_unique: bool = False,
) -> None:
    for index in origin.list_indexes():
        is_wanted = index.get("unique") or not only_unique
        if index["name"] != "_id_" and is_wanted:
            copy.create_index(_keys(index), **{k: index[k] for k in _OPTIONS if k in index})


def _keys(index: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """A text index shows fields of its own in the place of those it was made of."""
    keys = [(path, kind) for path, kind in index["key"].items() if not path.startswith("_fts")]
    return keys + [(path, "text") for path in index.get("weights", ())]
