"""LIKE in bounded time.

DuckDB matches patterns of text and ``%`` in linear time, but goes back and forth over
those with ``_``: a few of them over a long text take hours, uninterruptibly. Such patterns
are run as regular expressions, which DuckDB (RE2) matches in linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.errors import ExpressionError
from engine.expression.term import quoted


def like(subject: str, pattern: str, escape: str, *, is_caseless: bool) -> str:
    """The SQL condition ``subject [I]LIKE pattern ESCAPE escape``; ``subject`` is SQL."""
    if "_" in pattern or escape:
        body = "".join(_parts(pattern, escape))
        flags = "si" if is_caseless else "s"
        return f"regexp_full_match({subject}, {quoted(body).sql}, '{flags}')"
    if is_caseless:
        return f"(lower({subject}) LIKE lower({quoted(pattern).sql}))"
    return f"({subject} LIKE {quoted(pattern).sql})"


def _parts(pattern: str, escape: str) -> Iterator[str]:
    characters = iter(pattern)
    for character in characters:
        if character == escape:
            following = next(characters, None)
            if following is None:
                raise ExpressionError(f"the pattern ends in its escape character '{escape}'")
            yield re.escape(following)
        else:
            yield {"%": ".*", "_": "."}.get(character) or re.escape(character)
