"""How pages of a service become Arrow batches."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from engine.connectors.http.client import Client
from engine.connectors.http.config import HttpConfig
from engine.connectors.http.paging import Row, pages
from engine.connectors.http.values import json_text, reader_of, type_of
from engine.errors import ConnectorError
from engine.media.documents import value_at
from engine.media.requests import ResponseField, RestExtraction
from engine.schema import Column, Schema
from engine.streams.arrow import arrow_schema
from engine.streams.streaming import Stream

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows of the first page that tell the types.
_SAMPLED = 1_000
_BATCH = 5_000
_SHOWN = 60


def describe(config: HttpConfig, extraction: RestExtraction) -> Schema:
    """Asks for the first page, unless every column is declared with its type."""
    fields = extraction.fields
    if fields and all(field.type for field in fields):
        return Schema.of((field.name, field.type) for field in fields)
    with Client(config, threading.Event()) as client:
        sample = next(pages(client, extraction))[:_SAMPLED]
    names = list(dict.fromkeys(name for row in sample for name in row))
    fields = fields or tuple(ResponseField(name, name) for name in names)
    if not fields:
        raise ConnectorError(
            f"the first page of '{extraction.path}' has no rows that would show its columns; name "
            "the columns, and their types, in the node",
            code="E_FIELDS_UNKNOWN",
            permanent=True,
        )
    return Schema(tuple(_column(field, sample) for field in fields))


def stream(config: HttpConfig, extraction: RestExtraction, schema: Schema) -> Stream:
    stopped = threading.Event()
    return Stream(_batches(config, extraction, schema, stopped), stopped.set)


def _column(field: ResponseField, sample: Sequence[Row]) -> Column:
    found, native = type_of(value_at(row, tuple(field.path.split("."))) for row in sample)
    return Column(field.name, field.type or found, native_type=native)


def _batches(
    config: HttpConfig, extraction: RestExtraction, schema: Schema, stopped: threading.Event
) -> Generator[pa.RecordBatch, None, None]:
    declared = {field.name: tuple(field.path.split(".")) for field in extraction.fields}
    paths = [declared.get(column.name, (column.name,)) for column in schema]
    read = 0
    with Client(config, stopped) as client:
        for number, rows in enumerate(pages(client, extraction), start=1):
            if stopped.is_set():
                return
            for some in _by(_BATCH, iter(rows)):
                yield _batch(some, schema, paths, f"page {number} of '{extraction.path}'")
            read += len(rows)
            if extraction.limit and read >= extraction.limit:
                return  # a page costs a request: a filter does not make it ask for more


def _batch(
    rows: Sequence[Row], schema: Schema, paths: Sequence[tuple[str, ...]], where: str
) -> pa.RecordBatch:
    import pyarrow as pa

    types = arrow_schema(schema)
    arrays = [
        _array([value_at(row, path) for row in rows], column, type_, where)
        for column, path, type_ in zip(schema, paths, types.types, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=types)


def _array(values: Sequence[Any], column: Column, type_: pa.DataType, where: str) -> pa.Array[Any]:
    import pyarrow as pa

    read = reader_of(column.type)
    refusals = (ValueError, ArithmeticError, pa.ArrowException)
    try:
        return pa.array([None if v is None else read(v) for v in values], type_)
    except refusals as error:
        for value in values:
            try:
                pa.array([None if value is None else read(value)], type_)
            except refusals:
                shown = json_text(value)
                shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
                raise ConnectorError(
                    f"{where}, column '{column.name}': {shown} cannot be read exactly as "
                    f"{column.type}; declare the column as json or another type in the node",
                    code="E_VALUE",
                    permanent=True,
                ) from None
        raise ConnectorError(f"{where}, column '{column.name}': {error}", code="E_VALUE") from None


def _by(size: int, rows: Iterator[Row]) -> Iterator[list[Row]]:
    while some := list(islice(rows, size)):
        yield some
