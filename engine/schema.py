"""Columns and their types, in DuckDB's words (``DECIMAL(12,2)``, ``VARCHAR``)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    #: Name as the user sees it; unique in its schema, compared without case.
    name: str
    #: DuckDB type text, e.g. ``BIGINT``.
    type: str
    #: The type in the database it comes from (``character varying(80)``), if any.
    native_type: str = ""
    is_nullable: bool = True
    #: The database fills it when nothing is written (default, identity, serial).
    has_default: bool = False
    #: Names of the unique indexes it is part of; those with the same name belong together.
    unique_in: tuple[str, ...] = ()
    #: Which of its values cannot be read, and what to do about them; empty where all can.
    caveat: str = ""


@dataclass(frozen=True, slots=True)
class Schema:
    """An ordered list of columns."""

    columns: tuple[Column, ...] = ()

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Schema:
        """A schema from ``(name, type)`` pairs."""
        return cls(tuple(Column(name, type_) for name, type_ in pairs))

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def find(self, name: str) -> Column | None:
        """The column called ``name`` whatever its case, or None."""
        folded = name.casefold()
        return next((c for c in self.columns if c.name.casefold() == folded), None)

    def as_json(self) -> list[dict[str, str]]:
        return [{"name": column.name, "type": column.type} for column in self.columns]


def quote(identifier: str) -> str:
    """An SQL identifier, quoted; the same rule in DuckDB and PostgreSQL."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL string; the same in DuckDB and, with their default settings, in other databases."""
    return "'" + text.replace("'", "''") + "'"
