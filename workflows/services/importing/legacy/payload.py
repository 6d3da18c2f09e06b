"""The payload as records: nodes, columns and mappings, whatever shape they came in.

Two shapes are known for the columns of a transform. The *export shape* has them in
``transformations.source.columns``; the *sample shape* in ``transformations.transformations``,
without a ``source``. Where both are present the export shape wins, the list being stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: An object of the payload, as read.
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column as a transform lists it; ``expression`` is empty where it passes through."""

    name: str
    table: str
    expression: str
    html: str
    is_selected: bool
    #: On the right side of a join.
    is_target: bool
    #: One of the columns that a group node groups by.
    is_group_key: bool = False
    #: ``asc`` or ``desc`` where a sorter sorts by it, else empty.
    direction: str = ""


@dataclass(frozen=True, slots=True)
class MappedField:
    """An entry of ``field_mapping``; ``target`` is empty where it is not mapped."""

    name: str
    target: str
    #: Table or node the column comes from, where two inputs have one of that name.
    table: str

    @property
    def is_renamed(self) -> bool:
        return self.name != self.target


@dataclass(frozen=True, slots=True)
class LegacyNode:
    id: str
    name: str
    connector_type: str
    is_database: bool
    sequence: int | None
    connector_id: str
    database: Json
    transformations: Json
    fields: tuple[MappedField, ...]
    #: Whether ``field_mapping`` had entries at all, be they selected or not.
    has_mapping: bool
    x: float = 0
    y: float = 0

    @property
    def shown(self) -> str:
        """For people: its name, and its id where that says something else."""
        return f"'{self.name}' ({self.id})" if self.name not in ("", self.id) else f"'{self.id}'"

    @property
    def is_export_shape(self) -> bool:
        return bool(_mapping(self.transformations.get("source")).get("columns"))

    @property
    def columns(self) -> tuple[SourceColumn, ...]:
        """The transform's columns, from the shape that wins."""
        if self.is_export_shape:
            return _columns(self.transformations["source"]["columns"])
        return self.listed_columns

    @property
    def listed_columns(self) -> tuple[SourceColumn, ...]:
        """``transformations.transformations``: both sides of a join, else the sample shape."""
        return _columns(self.transformations.get("transformations"))

    @property
    def table(self) -> str:
        return str(self.database.get("table") or "").strip()


def read_node(node_id: str, raw: Json) -> LegacyNode:
    """One node of ``connectionInformation_v1``; optional keys may be missing."""
    mapping = _list(raw.get("field_mapping"))
    sequence = raw.get("sequence")
    return LegacyNode(
        id=node_id,
        name=str(raw.get("node_name") or ""),
        connector_type=str(raw.get("connector_type") or "").strip(),
        is_database=_is_database(raw),
        sequence=sequence if isinstance(sequence, int) else None,
        connector_id=str(raw.get("connector_id") or ""),
        database=_mapping(raw.get("dbDetails")),
        transformations=_mapping(raw.get("transformations")),
        fields=tuple(_field(entry) for entry in mapping if entry.get("selected", True)),
        has_mapping=bool(mapping),
    )


def _is_database(raw: Json) -> bool:
    category = str(raw.get("connector_category") or "").casefold()
    return category.startswith("database") or (not category and bool(raw.get("dbDetails")))


def _columns(raw: Any) -> tuple[SourceColumn, ...]:
    return tuple(_column(entry) for entry in _list(raw))


def _column(raw: Json) -> SourceColumn:
    expression = _mapping(raw.get("expression"))
    return SourceColumn(
        name=str(raw.get("value") or raw.get("name") or ""),
        table=str(raw.get("table") or ""),
        expression=clean(expression.get("value")),
        html=str(expression.get("html") or ""),
        is_selected=bool(raw.get("selected", True)),
        is_target=bool(raw.get("isTarget", False)),
        is_group_key=raw.get("groupBy") is True,
        direction=_direction(raw),
    )


def _direction(raw: Json) -> str:
    if raw.get("sorterSelected") is not True:
        return ""
    return "desc" if str(raw.get("direction") or "").casefold().startswith("desc") else "asc"


def _field(raw: Json) -> MappedField:
    return MappedField(
        name=str(raw.get("value") or raw.get("name") or ""),
        target=str(raw.get("target") or ""),
        table=str(raw.get("tableName") or ""),
    )


def clean(text: Any) -> str:
    """Text of an expression without the no-break spaces that rich-text editing leaves."""
    return str(text or "").replace("\xa0", " ").strip()


def _mapping(raw: Any) -> Json:
    return raw if isinstance(raw, Mapping) else {}


def _list(raw: Any) -> list[Json]:
    return [entry for entry in raw if isinstance(entry, Mapping)] if isinstance(raw, list) else []
