"""How documents get from MongoDB into Arrow batches."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engine.connectors.mongodb.config import MongodbConfig
from engine.connectors.mongodb.explaining import explaining
from engine.connectors.mongodb.fields import Field, existing
from engine.connectors.mongodb.filtering import pushed
from engine.connectors.mongodb.types import json_text, kind_of, reader_of
from engine.connectors.mongodb.window import condition
from engine.errors import ConnectorError
from engine.media.documents import DocumentExtraction
from engine.schema import Schema
from engine.stages.pushing import TRIED_PER_ROW
from engine.streams.arrow import arrow_schema
from engine.streams.streaming import Stream

if TYPE_CHECKING:
    import pyarrow as pa

    Document = dict[str, Any]

#: Documents that one answer of the server has at most; it has no more than 16 MB either.
_BATCH = 5_000
_SHOWN = 60


def stream(
    config: MongodbConfig, extraction: DocumentExtraction, fields: Sequence[Field]
) -> Stream:
    """The documents that the extraction asks for, as columns of ``fields``."""
    stopped = threading.Event()
    return Stream(_batches(config, extraction, fields, stopped), stopped.set)


def _batches(
    config: MongodbConfig,
    extraction: DocumentExtraction,
    fields: Sequence[Field],
    stopped: threading.Event,
) -> Generator[pa.RecordBatch, None, None]:
    from bson import decode_all

    name = extraction.table.table if extraction.table else ""
    with explaining(config, name), config.connect() as client:
        collection = existing(client[config.database], name)
        answers = collection.find_raw_batches(
            _query(extraction, {field.column.name.casefold(): field for field in fields}),
            dict.fromkeys(("_id", *(field.path[0] for field in fields)), 1),
            batch_size=_BATCH,
            collation={"locale": "simple"},
            limit=_most(extraction),
        )
        for answer in answers:
            if stopped.is_set():
                return
            # The driver's types call what it yields a document; it is the bytes of many.
            raw: Any = answer
            yield _batch(decode_all(raw, collection.codec_options), fields, name)


def _most(extraction: DocumentExtraction) -> int:
    """0 for no limit. Only some of the filter is decided by the server: it sends more then."""
    return (extraction.limit or 0) * (TRIED_PER_ROW if extraction.filter else 1)


def _query(extraction: DocumentExtraction, fields: Mapping[str, Field]) -> Document:
    parts: list[Document] = []
    if extraction.window:
        parts.append(condition(extraction.window))
    if extraction.filter:
        parts += pushed(extraction.filter, fields, extraction.parameters or {})
    return {"$and": parts} if parts else {}


def _batch(
    documents: Sequence[Document], fields: Sequence[Field], collection: str
) -> pa.RecordBatch:
    import pyarrow as pa

    schema = arrow_schema(Schema(tuple(field.column for field in fields)))
    arrays = [
        _array(documents, field, type_, collection)
        for field, type_ in zip(fields, schema.types, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(
    documents: Sequence[Document], field: Field, type_: pa.DataType, collection: str
) -> pa.Array[Any]:
    import pyarrow as pa

    read = reader_of(field.column.type)
    try:
        values = (field.value_in(document) for document in documents)
        return pa.array([None if v is None else read(v) for v in values], type_)
    except (ValueError, OverflowError, pa.ArrowException) as error:
        raise _unfit(documents, field, type_, collection) or error from None


def _unfit(
    documents: Sequence[Document], field: Field, type_: pa.DataType, collection: str
) -> ConnectorError | None:
    """The complaint about the first document whose value the column cannot hold."""
    import pyarrow as pa

    read = reader_of(field.column.type)
    for document in documents:
        value = field.value_in(document)
        try:
            pa.array([None if value is None else read(value)], type_)
        except (ValueError, OverflowError, pa.ArrowException):
            shown = json_text(value)
            shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
            return ConnectorError(
                f"collection '{collection}', document {json_text(document.get('_id'))}, field "
                f"'{'.'.join(field.path)}': {shown} ({kind_of(value)}) cannot be read exactly as "
                f"{field.column.type}; give the field the type json or another one in the node",
                code="E_VALUE",
                permanent=True,
            )
    return None
