"""What may be written into a column of which type, and what is lost on the way."""

from __future__ import annotations

import re

from engine.columns.family import Family, family_of
from engine.issue import Issue, Severity
from engine.schema import Column

#: Digits before the point that a type holds; an order of width among numbers.
_DIGITS = {"TINYINT": 2, "SMALLINT": 4, "INTEGER": 9, "BIGINT": 18, "HUGEINT": 38}
_LARGEST = {"UTINYINT": 3, "USMALLINT": 5, "UINTEGER": 10, "UBIGINT": 20, "UHUGEINT": 39}
#: Decimal digits that floating point surely holds.
_APPROXIMATE = {"FLOAT": 6, "DOUBLE": 15}
#: Digits of a second, as databases declare them: ``timestamp(0) without time zone``.
_FRACTION = re.compile(r"^(?:timestamp|time|datetime)\((\d)\)")
#: A numeric without precision and scale takes every number as it is.
_UNBOUNDED = "numeric"
#: What MySQL makes of BOOLEAN.
_BOOLEAN = "tinyint(1)"
#: Families that are written into another without a word, because nothing can be lost.
_FREE = {(Family.DATE, Family.TIMESTAMP)}


def assign(origin: Column, target: Column) -> Issue | None:
    """A finding when values of ``origin`` do not simply fit into ``target``.

    Everything can be written as text; text only into text. An error needs a cast in a
    select node, a warning may lose digits or fail on large values.
    """
    source, into = family_of(origin.type), family_of(target.type)
    if seconds := _lost_seconds(origin, target):
        return _lossy(origin, target, seconds)
    if origin.type == target.type:
        return None
    if source.is_unknown or into.is_unknown or into is Family.TEXT or (source, into) in _FREE:
        return None
    if source is Family.BOOLEAN and target.native_type == _BOOLEAN:
        return None
    if source is not into:
        is_moment = source.is_moment and into.is_moment
        message = f"{_pair(origin, target)}; cast it in a select node before"
        severity = Severity.WARNING if is_moment else Severity.ERROR
        return Issue(code="implicit_cast", message=message, severity=severity)
    if target.native_type == _UNBOUNDED:
        return None
    loss = _loss(origin.type, target.type) if source is Family.NUMBER else ""
    return _lossy(origin, target, loss) if loss else None


def _lossy(origin: Column, target: Column, loss: str) -> Issue:
    message = f"{_pair(origin, target)}; {loss}"
    return Issue(code="lossy_cast", message=message, severity=Severity.WARNING)


def _lost_seconds(origin: Column, target: Column) -> str:
    """Whether a source's column is declared to have more digits of a second than the target's."""
    room, given = (_FRACTION.search(column.native_type) for column in (target, origin))
    is_timed = all(family_of(column.type).is_timed for column in (origin, target))
    if not (room and is_timed and origin.native_type) or (given and int(given[1]) <= int(room[1])):
        return ""
    return (
        f"values with more than {room[1]} digits of a second fail the load; use date_trunc before"
    )


def _pair(origin: Column, target: Column) -> str:
    native = target.native_type or target.type
    return f"column '{origin.name}' ({origin.type}) is written to '{target.name}' ({native})"


def _loss(origin: str, target: str) -> str:
    if target in _APPROXIMATE:
        return "digits may be lost" if _exact_digits(origin) > _APPROXIMATE[target] else ""
    if origin in _APPROXIMATE:
        return "fractions are rounded"
    (digits, scale), (room, places) = _size(origin, most=True), _size(target, most=False)
    if scale > places:
        return f"digits after the point are rounded to {places}" if places else "it is rounded"
    return "values that are too large fail the load" if digits > room else ""


def _exact_digits(type_: str) -> int:
    return _APPROXIMATE[type_] if type_ in _APPROXIMATE else sum(_size(type_, most=True))


def _size(type_: str, *, most: bool) -> tuple[int, int]:
    """Digits before and after the point; of whole numbers the most, or what surely fits."""
    if match := re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", type_):
        return int(match[1]) - int(match[2]), int(match[2])
    if type_ in _LARGEST:
        return _LARGEST[type_] - (not most), 0
    return _DIGITS.get(type_, 38) + most, 0
