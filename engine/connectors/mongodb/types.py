"""From BSON values to columns: which type a field has, and each value exactly, or an error.

| BSON | DuckDB |
|---|---|
| bool | BOOLEAN |
| int, long | BIGINT |
| double, also mixed with int | DOUBLE |
| decimal, also mixed with int | DECIMAL(38, the most decimal places of the sample) |
| date | TIMESTAMP WITH TIME ZONE |
| string; objectId | VARCHAR |
| binData | BLOB; UUID for subtype 4 |
| object, array, other mixtures, everything else | JSON (MongoDB's relaxed extended JSON) |
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DIGITS = 38
_PLAIN = {
    "bool": "BOOLEAN",
    "int": "BIGINT",
    "double": "DOUBLE",
    "date": "TIMESTAMP WITH TIME ZONE",
    "string": "VARCHAR",
    "objectId": "VARCHAR",
    "binData": "BLOB",
    "uuid": "UUID",
}


def kind_of(value: Any) -> str:
    """MongoDB's name of a value's type, with ``int`` for both sizes of whole numbers."""
    from bson import Code, Decimal128, ObjectId
    from bson.datetime_ms import DatetimeMS

    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "double"
        case Decimal128():
            return "decimal"
        case Code():  # a str, and maybe a scope
            return "javascript"
        case str():
            return "string"
        case ObjectId():
            return "objectId"
        case datetime() | DatetimeMS():
            return "date"
        case uuid.UUID():
            return "uuid"
        case bytes():
            return "binData"
        case dict():
            return "object"
        case list():
            return "array"
    return type(value).__name__


def type_of(values: Iterable[Any]) -> tuple[str, str]:
    """The column type that holds ``values``, and what they are in MongoDB (``int|string``)."""
    scale = 0
    kinds: set[str] = set()
    for value in values:
        kind = kind_of(value)
        if kind == "decimal":
            places = _decimal_places(value)
            kind = "decimal" if places is not None else "strange decimal"
            scale = max(scale, places or 0)
        kinds.add(kind)
    kinds.discard("null")
    return _type_of(kinds, scale), "|".join(sorted(kinds))


def _type_of(kinds: set[str], scale: int) -> str:
    if len(kinds) == 1 and (plain := _PLAIN.get(next(iter(kinds)))):
        return plain
    if kinds == {"int", "double"}:
        return "DOUBLE"
    if "decimal" in kinds and kinds <= {"int", "decimal"}:
        return f"DECIMAL({_DIGITS},{scale})"
    return "JSON"


def _decimal_places(value: Any) -> int | None:
    """None for a decimal that no column of decimals holds, such as NaN."""
    number = value.to_decimal()
    if not number.is_finite():
        return None
    places = max(0, -number.as_tuple().exponent)
    return places if places <= _DIGITS // 2 and number.adjusted() < _DIGITS - places else None


def reader_of(type_: str) -> Callable[[Any], Any]:
    """A function from a BSON value to what Arrow takes for a column of ``type_``.

    It raises ``ValueError`` for a value that has no equal there; Arrow refuses the numbers that
    are too large or have too many decimal places.
    """
    if type_.startswith("DECIMAL"):
        return _decimal
    return _READERS.get(type_, _whole if type_.endswith("INT") or type_ == "INTEGER" else _text)


def _text(value: Any) -> str:
    if kind_of(value) in {"string", "objectId", "decimal", "uuid"}:
        return str(value)
    raise ValueError


def _whole(value: Any) -> int:
    if kind_of(value) == "int":
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    raise ValueError


def _whole_in_text(value: Any) -> str:
    return str(_whole(value))


def _double(value: Any) -> float:
    if isinstance(value, float):
        return value
    if kind_of(value) == "int" and int(float(value)) == value:
        return float(value)
    raise ValueError


def _decimal(value: Any) -> Decimal:
    """A double counts as the shortest number that is written like it."""
    match kind_of(value):
        case "decimal":
            number: Decimal = value.to_decimal()
        case "int":
            number = Decimal(value)
        case "double":
            number = Decimal(repr(value))
        case _:
            raise ValueError
    if not number.is_finite():
        raise ValueError
    return number


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError


def _moment(value: Any) -> int:
    """Microseconds since 1970."""
    if isinstance(value, datetime):
        return (value - _EPOCH) // _MICROSECOND
    if kind_of(value) == "date":
        return int(value) * 1000
    raise ValueError


def _day(value: Any) -> int:
    """Days since 1970, for a moment that is midnight."""
    days, rest = divmod(_moment(value), 86_400_000_000)
    if rest:
        raise ValueError
    return days


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return bytes(value)
    raise ValueError


def _uuid(value: Any) -> str:
    if isinstance(value, str):
        return str(uuid.UUID(value))
    if isinstance(value, uuid.UUID):
        return str(value)
    raise ValueError


def json_text(value: Any) -> str:
    from bson.json_util import RELAXED_JSON_OPTIONS, dumps

    return dumps(value, json_options=RELAXED_JSON_OPTIONS, ensure_ascii=False)


_READERS: dict[str, Callable[[Any], Any]] = {
    "JSON": json_text,
    "BOOLEAN": _boolean,
    "DOUBLE": _double,
    "FLOAT": _double,
    "TIMESTAMP WITH TIME ZONE": _moment,
    "TIMESTAMP": _moment,
    "DATE": _day,
    "BLOB": _bytes,
    "UUID": _uuid,
    "HUGEINT": _whole_in_text,
    "UHUGEINT": _whole_in_text,
}
