"""JSON as it is meant: nothing lost, nothing that PostgreSQL or another reader would refuse.

Python's own parser keeps the last of two equal keys, and takes NaN and Infinity.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any, NoReturn


class JSONRefused(ValueError):
    """The text is not strict JSON. ``line`` and ``column`` count from 1; 0 = unknown.

    ``ends_early`` says that the text stops where more must follow.
    """

    def __init__(
        self, message: str, *, line: int = 0, column: int = 0, ends_early: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.ends_early = ends_early


class DuplicateKeys(JSONRefused):
    """One object has a key twice. ``top_level`` holds such keys of the outermost object."""

    def __init__(self, keys: tuple[str, ...], top_level: tuple[str, ...]) -> None:
        named = ", ".join(f"'{key}'" for key in keys)
        super().__init__(f"given twice in one object: {named}; give each key once")
        self.keys = keys
        self.top_level = top_level


def loads(text: str | bytes) -> Any:
    """Parse ``text``. Raises JSONRefused; DuplicateKeys when that is all that is wrong."""
    objects = _Objects()
    try:
        value = json.loads(
            text,
            object_pairs_hook=objects.make,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
        check_text(value)
    except json.JSONDecodeError as error:
        raise _located(error) from None
    except RecursionError:
        raise JSONRefused("nested too deeply to be read") from None
    except UnicodeDecodeError:
        raise JSONRefused("not UTF-8 text") from None
    if objects.twice:
        top_level = objects.twice_in_last if isinstance(value, dict) else ()
        raise DuplicateKeys(tuple(objects.twice), tuple(top_level))
    return value


def check_text(value: Any) -> None:
    """Refuse characters that PostgreSQL cannot store: NUL and halves of surrogate pairs."""
    if isinstance(value, str):
        if "\x00" in value:
            raise JSONRefused("a text holds the character NUL, which cannot be stored")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise JSONRefused("a text holds half of a surrogate pair, which is no character")
    elif isinstance(value, dict):
        for key, item in value.items():
            check_text(key)
            check_text(item)
    elif isinstance(value, list):
        for item in value:
            check_text(item)


class _Objects:
    """Makes dicts, and remembers keys given twice; the outermost object comes last."""

    def __init__(self) -> None:
        self.twice: list[str] = []
        self.twice_in_last: list[str] = []

    def make(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        self.twice_in_last = []
        if len(made) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            self.twice_in_last = [key for key, count in counts.items() if count > 1]
            self.twice.extend(self.twice_in_last)
        return made


def _refuse_constant(name: str) -> NoReturn:
    raise JSONRefused(f"'{name}' is not a JSON number; use null or a text")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise JSONRefused(f"the number '{text}' is too large")
    return number


def _located(error: json.JSONDecodeError) -> JSONRefused:
    is_unterminated = error.msg.startswith("Unterminated string")
    ends_early = is_unterminated or error.pos >= len(error.doc.rstrip())
    where = f"line {error.lineno}, column {error.colno}"
    reason = f"the text ends early, after {len(error.doc)} characters" if ends_early else error.msg
    return JSONRefused(
        f"not JSON at {where}: {reason}",
        line=error.lineno,
        column=error.colno,
        ends_early=ends_early,
    )
