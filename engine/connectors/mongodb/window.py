"""The part of a collection that an incremental source reads.

Watermarks are MongoDB's canonical extended JSON, so that they keep their type:
``{"$date": {"$numberLong": "…"}}``.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from engine.connectors.mongodb.types import kind_of
from engine.errors import ConnectorError
from engine.media.documents import value_at
from engine.transfer import Window

if TYPE_CHECKING:
    from pymongo.collection import Collection


def latest(collection: Collection[dict[str, Any]], path: str) -> str | None:
    """The largest value there is, whatever its type."""
    found = collection.find_one({path: {"$ne": None}}, {path: 1}, sort=[(path, -1)])
    return _written(value_at(found, tuple(path.split(".")))) if found else None


def condition(window: Window) -> dict[str, Any]:
    """Which documents are in the window; none when there is no largest value."""
    path = window.column
    if window.upto is None:
        return {path: {"$in": []}}
    bounds = {"$lte": _read(window.upto)}
    if window.above:
        bounds["$gt"] = _before(min(map(_read, window.above)), window.overlap, path)
    return {path: bounds}


def _before(value: Any, overlap: float, path: str) -> Any:
    if not overlap:
        return value
    if isinstance(value, datetime):
        return value - timedelta(seconds=overlap)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value - (int(overlap) if overlap.is_integer() else overlap)
    raise ConnectorError(
        f"an overlap cannot be taken from field '{path}' ({kind_of(value)}); "
        "expected a number or a date; set the overlap to 0, or choose another field",
        permanent=True,
    )


def _written(value: Any) -> str:
    from bson.json_util import CANONICAL_JSON_OPTIONS, dumps

    return dumps(value, json_options=CANONICAL_JSON_OPTIONS)


def _read(text: str) -> Any:
    from bson.json_util import JSONOptions, loads

    return loads(text, json_options=JSONOptions(tz_aware=True))
