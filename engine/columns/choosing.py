"""Columns by their names, whatever case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from engine.errors import ConnectorError
from engine.suggestion import unknown


class Named(Protocol):
    @property
    def name(self) -> str: ...


NamedT = TypeVar("NamedT", bound=Named)


def chosen(found: Sequence[NamedT], wanted: Sequence[str]) -> list[NamedT]:
    """Those called ``wanted``, in that order; all of them when none is named.

    Raises ``ConnectorError`` for a name that none of them has.
    """
    by_name = {column.name.casefold(): column for column in found}
    for name in wanted:
        if name.casefold() not in by_name:
            message = unknown("column", name, [column.name for column in found])
            raise ConnectorError(message, code="E_COLUMN_NOT_FOUND", permanent=True)
    return [by_name[name.casefold()] for name in wanted] or list(found)
