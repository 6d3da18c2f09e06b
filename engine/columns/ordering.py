"""Orders of rows as settings say them: NULLs last in both directions, text by code point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field

from engine.columns.projection import column_of, missing
from engine.issue import Issue
from engine.kind import NodeConfig
from engine.schema import Schema, quote


class SortColumn(NodeConfig):
    column: str = Field(
        title="Column",
        description="A column of the input.",
        min_length=1,
        json_schema_extra={"format": "column"},
    )
    direction: Literal["asc", "desc"] = Field(
        "asc", title="Direction", description="asc begins with the smallest, desc with the largest."
    )


def ordering(columns: Sequence[SortColumn], schema: Schema, *, backwards: bool = False) -> str:
    """What follows ORDER BY. Raises ``ExpressionError`` for a column that is not there."""
    nulls = "FIRST" if backwards else "LAST"
    return ", ".join(
        f"{quote(column_of(schema, c.column).name)} "
        f"{'DESC' if (c.direction == 'desc') != backwards else 'ASC'} NULLS {nulls}"
        for c in columns
    )


def rank_value(columns: Sequence[SortColumn], schema: Schema) -> str:
    """One value per row that compares as the whole ordering does: its smallest comes first."""
    parts = (
        f"{quote(column_of(schema, c.column).name)}, '{c.direction.upper()} NULLS LAST'"
        for c in columns
    )
    return f"create_sort_key({', '.join(parts)})"


def check_ordering(columns: Sequence[SortColumn], schema: Schema, field: str) -> Iterator[Issue]:
    for index, column in enumerate(columns):
        yield from missing(schema, column.column, f"{field}.{index}.column")
