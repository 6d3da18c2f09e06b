"""Bounds on text that an expression can make out of little: memory limits do not bind it."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import ExpressionError
from engine.expression.term import Term

#: Longest text that lpad, rpad and repeat may be asked for.
MAX_LENGTH = 10_000
#: Characters out per character in, over a whole expression.
MAX_GROWTH = 100_000
#: What a replacement is counted as when it is not a constant.
_UNKNOWN_REPLACEMENT = 20


def growth_of(name: str, arguments: Sequence[Term]) -> int:
    """How many characters a call can make of one character.

    Raises ``ExpressionError`` when that is beyond the limits.
    """
    growths = [argument.growth for argument in arguments]
    match name:
        case "concat" | "concat_ws" | "||":
            grown = sum(growths)
        case "replace":
            grown = growths[0] * _replacement(arguments[1], arguments[2])
        case "repeat":
            grown = growths[0] * _length(name, arguments[1])
        case "lpad" | "rpad":
            grown = max(growths[0], _length(name, arguments[1]))
        case _:
            grown = max(growths, default=1)
    if grown > MAX_GROWTH:
        raise ExpressionError(
            f"'{name}' could make a text {grown:,} times as long as what it is given; "
            f"at most {MAX_GROWTH:,} times is allowed, so make it in several steps",
            finding="expression_forbidden",
        )
    return grown


def _replacement(pattern: Term, replacement: Term) -> int:
    if replacement.text is None:
        return _UNKNOWN_REPLACEMENT * replacement.growth
    return max(1, -(-len(replacement.text) // max(1, len(pattern.text or ""))))


def _length(name: str, length: Term) -> int:
    digits = length.sql
    if not digits.isdigit():
        return MAX_LENGTH
    if len(digits) > 9 or int(digits) > MAX_LENGTH:
        raise ExpressionError(
            f"'{name}' is asked for {digits}; at most {MAX_LENGTH:,} is allowed",
            finding="expression_forbidden",
        )
    return max(1, int(digits))
