"""Columns chosen by name: findings about names that are not there, or there twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.errors import ExpressionError
from engine.issue import Issue
from engine.schema import Column, Schema
from engine.suggestion import unknown


def column_of(schema: Schema, name: str) -> Column:
    """The column called ``name``. Raises ``ExpressionError`` naming the nearest."""
    column = schema.find(name)
    if column is None:
        raise ExpressionError(unknown("column", name, schema.names), finding="unknown_column")
    return column


def missing(schema: Schema, name: str, field: str) -> Iterator[Issue]:
    """A finding when ``schema`` has no column called ``name``."""
    if schema.find(name) is None:
        message = unknown("column", name, schema.names)
        yield Issue(code="unknown_column", message=message, field=field)


def duplicates(names: Sequence[str], field: str) -> Iterator[Issue]:
    """A finding for each name that came before; ``field`` has ``{}`` for its place."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name.casefold() in seen:
            message = f"column '{name}' is given twice; rename or remove one"
            yield Issue(code="duplicate_column", message=message, field=field.format(index))
        seen.add(name.casefold())


def unused(schema: Schema, name: str) -> str:
    """``name``, made longer until no column of ``schema`` has it."""
    while schema.find(name):
        name += "_"
    return name
