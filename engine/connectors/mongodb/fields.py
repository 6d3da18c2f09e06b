"""Which fields a collection has: those a node names, else the outermost ones of a sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.connectors.mongodb.types import type_of
from engine.errors import ConnectorError, TableNotFound
from engine.media.documents import DocumentExtraction, value_at
from engine.schema import Column, Schema
from engine.suggestion import nearest_to

if TYPE_CHECKING:
    from pymongo.collection import Collection
    from pymongo.database import Database

    Document = dict[str, Any]

#: How long the server may look for the documents of a sample.
_SAMPLE_MILLISECONDS = 60_000


@dataclass(frozen=True, slots=True)
class Field:
    """``path`` leads to the values; ``column`` is what they become."""

    path: tuple[str, ...]
    column: Column

    @property
    def name(self) -> str:
        return self.column.name

    def value_in(self, document: Mapping[str, Any]) -> Any:
        return value_at(document, self.path)


def fields_of(database: Database[Document], extraction: DocumentExtraction) -> list[Field]:
    """Every field of the collection. Raises ``TableNotFound`` with the nearest name there is."""
    collection = existing(database, extraction.table.table if extraction.table else "")
    is_typed = extraction.fields and all(field.type for field in extraction.fields)
    sample = [] if is_typed else _sampled(collection, extraction)
    if extraction.fields:
        return [
            _named(tuple(field.path.split(".")), field.name, field.type, sample)
            for field in extraction.fields
        ]
    names = list(dict.fromkeys(name for document in sample for name in document))
    _refuse_unusable(names, collection.name)
    return [_named((name,), name, "", sample) for name in names]


def existing(database: Database[Document], name: str) -> Collection[Document]:
    """The collection, if it is there: MongoDB takes a missing one for an empty one."""
    names = collections(database)
    if name not in names:
        nearest = nearest_to(name, names)
        hint = f"did you mean '{nearest}'?" if nearest else "check the name"
        raise TableNotFound(
            f"there is no collection '{name}' in database '{database.name}'; {hint}"
        )
    return database[name]


def collections(database: Database[Document]) -> list[str]:
    """Names of collections and views, without those of MongoDB and of FlowAdmin."""
    names = database.list_collection_names(authorizedCollections=True)
    return sorted(name for name in names if not name.startswith(("system.", "flowadmin_")))


def described(extraction: DocumentExtraction, schema: Schema) -> list[Field]:
    """The fields of columns that were described before."""
    paths = {field.name: tuple(field.path.split(".")) for field in extraction.fields}
    return [Field(paths.get(column.name, (column.name,)), column) for column in schema]


def _sampled(collection: Collection[Document], extraction: DocumentExtraction) -> list[Document]:
    """The oldest and the newest: the same ones while nothing is written."""
    outermost = list(dict.fromkeys(field.path.split(".")[0] for field in extraction.fields))
    projection = dict.fromkeys(outermost, 1) or None
    found: list[Document] = []
    for direction in (1, -1):
        cursor = collection.find(projection=projection).sort("_id", direction)
        found += cursor.limit(extraction.sample).max_time_ms(_SAMPLE_MILLISECONDS)
    return found


def _named(path: tuple[str, ...], name: str, type_: str, sample: Sequence[Document]) -> Field:
    found, native = type_of(value_at(document, path) for document in sample)
    return Field(path, Column(name, type_ or found, native_type=native))


def _refuse_unusable(names: Sequence[str], collection: str) -> None:
    if not names:
        raise ConnectorError(
            f"collection '{collection}' has no documents that would show its fields; "
            "name the fields, and their types, in the node",
            code="E_FIELDS_UNKNOWN",
            permanent=True,
        )
    taken: dict[str, str] = {}
    for name in names:
        other = taken.setdefault(name.casefold(), name)
        if other != name:
            raise ConnectorError(
                f"collection '{collection}' has fields '{other}' and '{name}', which differ in "
                "case only; name the fields in the node, and give each column a name of its own",
                code="E_COLUMN_AMBIGUOUS",
                permanent=True,
            )
