"""What a load would meet in its collection, by the keys of its rows; only reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engine.connectors.mongodb.documents import documents
from engine.media.documents import DocumentLoad, value_at
from engine.schema import quote

if TYPE_CHECKING:
    from pymongo.collection import Collection

    Document = dict[str, Any]

#: Nobody waits longer for a plan of a load.
_SECONDS = 5
#: Keys that one question names.
_AT_ONCE = 500

Key = tuple[Any, ...]


def matches(
    collection: Collection[Document],
    load: DocumentLoad,
    keys: Mapping[str, Sequence[str | None]],
    types: Mapping[str, str],
) -> list[int] | None:
    """Documents with each key, as ``Connector.matches``; None where it takes too long to find."""
    from pymongo.errors import ExecutionTimeout

    wanted = _as_loaded(load, keys, types)
    shown = {"_id": 1, **dict.fromkeys(keys, 1)}
    found: Counter[Key] = Counter()
    try:
        for first in range(0, len(wanted), _AT_ONCE):
            some = [dict(zip(keys, key, strict=True)) for key in wanted[first:][:_AT_ONCE]]
            held = collection.find({"$or": some}, shown, max_time_ms=1000 * _SECONDS)
            found.update(_comparable(_key(document, keys)) for document in held)
    except ExecutionTimeout:
        return None
    return [found[_comparable(key)] for key in wanted]


def _as_loaded(
    load: DocumentLoad, keys: Mapping[str, Sequence[str | None]], types: Mapping[str, str]
) -> list[Key]:
    """The keys with their values as a load would write them."""
    import duckdb

    given = ", ".join(
        f"CAST(unnest(${place}::VARCHAR[]) AS {types[name]}) AS {quote(name)}"
        for place, name in enumerate(keys, start=1)
    )
    with duckdb.connect() as session:
        session.execute(f"CREATE TABLE given AS SELECT {given}", [list(v) for v in keys.values()])
        only_keys = replace(load, columns={name: name for name in keys})
        made = documents(session, "SELECT * FROM given", only_keys)
        return [_key(document, keys) for some in made for document in some]


def _key(document: Document, paths: Mapping[str, Any]) -> Key:
    return tuple(value_at(document, tuple(path.split("."))) for path in paths)


def _comparable(key: Key) -> Key:
    """Equal for what MongoDB holds for equal: numbers whatever their type, digits and zeros."""
    from bson import Decimal128

    return tuple(v.to_decimal() if isinstance(v, Decimal128) else v for v in map(_hashable, key))


def _hashable(value: Any) -> Any:
    return repr(value) if isinstance(value, dict | list) else value
