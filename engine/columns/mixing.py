"""Columns whose values become one column: findings about what DuckDB converts silently."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.expression import compare_columns
from engine.issue import Issue, Severity
from engine.schema import Column

_APPROXIMATE = frozenset({"FLOAT", "DOUBLE"})
#: Whole numbers of which floating point has every digit.
_SHORT = frozenset({"TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER"})


def check_mixing(columns: Sequence[Column]) -> Iterator[Issue]:
    """Families that differ, and exact numbers that become approximate among others."""
    for other in columns[1:]:
        yield from compare_columns(columns[0], other)
    exact = [c for c in columns if c.type not in _APPROXIMATE | _SHORT]
    approximate = [c for c in columns if c.type in _APPROXIMATE]
    if exact and approximate:
        message = (
            f"column '{exact[0].name}' ({exact[0].type}) meets column '{approximate[0].name}' "
            f"({approximate[0].type}), so digits may be lost; cast one in a select node before"
        )
        yield Issue(code="lossy_cast", message=message, severity=Severity.WARNING)
