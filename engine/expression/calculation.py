"""What ``+ - * / // %`` give, by the families of their operands."""

from __future__ import annotations

from engine.columns.family import Family

_DATE, _STAMP, _SPAN, _COUNT = Family.DATE, Family.TIMESTAMP, Family.INTERVAL, Family.NUMBER
#: What arithmetic gives beside numbers.
_CALENDAR = {
    (_DATE, "+", _COUNT): _DATE,
    (_COUNT, "+", _DATE): _DATE,
    (_DATE, "-", _COUNT): _DATE,
    (_DATE, "-", _DATE): _COUNT,
    (_DATE, "+", Family.TIME): _STAMP,
    **{(moment, sign, _SPAN): _STAMP for moment in (_DATE, _STAMP) for sign in "+-"},
    **{(_SPAN, "+", moment): _STAMP for moment in (_DATE, _STAMP)},
    (_STAMP, "-", _STAMP): _SPAN,
    (_STAMP, "-", _DATE): _SPAN,
    (_DATE, "-", _STAMP): _SPAN,
    **{(_SPAN, sign, _SPAN): _SPAN for sign in "+-"},
    **{(Family.TIME, sign, _SPAN): Family.TIME for sign in "+-"},
    (_SPAN, "*", _COUNT): _SPAN,
    (_COUNT, "*", _SPAN): _SPAN,
    (_SPAN, "/", _COUNT): _SPAN,
}


def calculate(left: Family, sign: str, right: Family) -> Family | None:
    """The family of ``left sign right``; None when there is no such operation."""
    known = [family for family in (left, right) if not family.is_unknown]
    if len(known) < 2:
        return known[0] if known else Family.OTHER
    if left is right is Family.NUMBER:
        return Family.NUMBER
    return _CALENDAR.get((left, sign, right))
