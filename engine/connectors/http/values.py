"""From values of JSON to columns: which type they have, and each value exactly, or an error.

Numbers with a point come as ``Decimal``. Text is read as what a column is declared to be: dates
and moments in ISO 8601 (without an offset: UTC), numbers in decimal digits.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT64 = range(-(2**63), 2**63)
Read = Callable[[Any], Any]


def type_of(values: Iterable[Any]) -> tuple[str, str]:
    """The column type that holds ``values``, and what they are in JSON (``number|string``)."""
    kinds = {kind_of(value) for value in values} - {"null"}
    native = "|".join(sorted(kinds))
    if kinds == {"integer", "number"}:
        return "DOUBLE", native
    return _TYPES.get(next(iter(kinds)), "JSON") if len(kinds) == 1 else "JSON", native


def kind_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer" if value in _INT64 else "long number"
        case Decimal():
            return "number"
        case str():
            return "string"
        case dict():
            return "object"
    return "array"


_TYPES = {"boolean": "BOOLEAN", "integer": "BIGINT", "number": "DOUBLE", "string": "VARCHAR"}


def reader_of(type_: str) -> Read:
    """A function from a value of JSON to what Arrow takes for a column of ``type_``.

    It raises ``ValueError`` (or an ``ArithmeticError``) for a value that has no equal there.
    """
    if type_.startswith("DECIMAL"):
        return _decimal
    return _READERS.get(type_, _whole if type_.endswith("INT") or type_ == "INTEGER" else _text)


def json_text(value: Any) -> str:
    """JSON as it came: every digit of a number is kept."""
    match value:
        case Decimal():
            return str(value)
        case dict():
            inner = (
                f"{json.dumps(k, ensure_ascii=False)}: {json_text(v)}" for k, v in value.items()
            )
            return "{" + ", ".join(inner) + "}"
        case list():
            return "[" + ", ".join(map(json_text, value)) + "]"
    return _quoted(value)


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if kind_of(value) in ("integer", "long number", "number"):
        return str(value)
    raise ValueError


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError
    number = Decimal(value)
    if number != number.to_integral_value():
        raise ValueError
    return int(number)


def _whole_in_text(value: Any) -> str:
    return str(_whole(value))


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError
    return number


def _double(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError
    if isinstance(value, int) and int(float(value)) != value:
        raise ValueError
    return float(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError


def _day(value: Any) -> date:
    if isinstance(value, str):
        return date.fromisoformat(value)
    raise ValueError


def _moment(value: Any) -> int:
    """Microseconds since 1970."""
    if not isinstance(value, str):
        raise ValueError
    found = datetime.fromisoformat(value)
    aware = found if found.tzinfo else found.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def _local_moment(value: Any) -> int:
    """An offset would be lost, so there must be none."""
    if isinstance(value, str) and datetime.fromisoformat(value).tzinfo:
        raise ValueError
    return _moment(value)


def _uuid(value: Any) -> str:
    if isinstance(value, str):
        return str(uuid.UUID(value))
    raise ValueError


_READERS: dict[str, Read] = {
    "JSON": json_text,
    "BOOLEAN": _boolean,
    "DOUBLE": _double,
    "FLOAT": _double,
    "DATE": _day,
    "TIMESTAMP": _local_moment,
    "TIMESTAMP WITH TIME ZONE": _moment,
    "UUID": _uuid,
    "HUGEINT": _whole_in_text,
    "UHUGEINT": _whole_in_text,
}
