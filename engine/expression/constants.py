"""Values of parameters as constants."""

from __future__ import annotations

import math
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from engine.columns.family import Family
from engine.errors import ExpressionError
from engine.expression.term import Term, quoted

_MAX_TEXT = 10_000
_MAX_INTEGER = 2**127


def constant(value: Any, label: str) -> Term:
    """A scalar as a constant; ``label`` is how messages name it.

    Raises ``ExpressionError`` for what is not a scalar or is out of range.
    """
    match value:
        case None:
            return Term("NULL", Family.NULL, label)
        case bool():
            return Term(str(value).upper(), Family.BOOLEAN, label)
        case int() if abs(value) < _MAX_INTEGER:
            return Term(f"({value})", Family.NUMBER, label)
        case float() | Decimal() if math.isfinite(value):
            return Term(f"({value})", Family.NUMBER, label)
        case datetime():
            type_ = "TIMESTAMP WITH TIME ZONE" if value.tzinfo else "TIMESTAMP"
            return Term(f"CAST('{value.isoformat(' ')}' AS {type_})", Family.TIMESTAMP, label)
        case date():
            return Term(f"CAST('{value.isoformat()}' AS DATE)", Family.DATE, label)
        case str() if len(value) <= _MAX_TEXT and "\0" not in value:
            return quoted(value)
    raise ExpressionError(
        f"{label} is {str(value)[:40]!r}; a finite number, a text of at most {_MAX_TEXT:,} "
        "characters, true, false, a date or null is expected"
    )
