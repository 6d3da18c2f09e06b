"""What may be written into a column of which type, and what is lost on the way."""

from __future__ import annotations

import re

from engine.family import Family, family_of
from engine.issue import Issue, Severity
from engine.schema import Column

#: Digits before the point that a type holds; an order of width among numbers.
_DIGITS = {"TINYINT": 2, "SMALLINT": 4, "INTEGER": 9, "BIGINT": 18, "HUGEINT": 38}
_LARGEST = {"UTINYINT": 3, "USMALLINT": 5, "UINTEGER": 10, "UBIGINT": 20, "UHUGEINT": 39}
_APPROXIMATE = {"FLOAT", "DOUBLE"}
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
    if source is Family.NUMBER and (loss := _loss(origin.type, target.type)):
        message = f"{_pair(origin, target)}; {loss}"
        return Issue(code="lossy_cast", message=message, severity=Severity.WARNING)
    return None


def _pair(origin: Column, target: Column) -> str:
    native = target.native_type or target.type
    return f"column '{origin.name}' ({origin.type}) is written to '{target.name}' ({native})"


def _loss(origin: str, target: str) -> str:
    if target in _APPROXIMATE:
        return "" if origin != "DOUBLE" or target == "DOUBLE" else "digits may be lost"
    if origin in _APPROXIMATE:
        return "fractions are rounded"
    (digits, scale), (room, places) = _size(origin, most=True), _size(target, most=False)
    if scale > places:
        return f"digits after the point are rounded to {places}" if places else "it is rounded"
    return "values that are too large fail the load" if digits > room else ""


def _size(type_: str, *, most: bool) -> tuple[int, int]:
    """Digits before and after the point; of whole numbers the most, or what surely fits."""
    if match := re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", type_):
        return int(match[1]) - int(match[2]), int(match[2])
    if type_ in _LARGEST:
        return _LARGEST[type_] - (not most), 0
    return _DIGITS.get(type_, 38) + most, 0
