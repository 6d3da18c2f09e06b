"""From rows of a DuckDB query to documents, each value as the BSON type that holds it exactly.

| DuckDB | BSON |
|---|---|
| BOOLEAN | bool |
| TINYINT … INTEGER, UTINYINT, USMALLINT | int |
| BIGINT, UINTEGER | long |
| UBIGINT, HUGEINT, UHUGEINT | long, or decimal where it is larger |
| DECIMAL | decimal, of at most 34 digits |
| FLOAT, DOUBLE | double |
| DATE, TIMESTAMP, TIMESTAMP WITH TIME ZONE | date: UTC, in milliseconds |
| VARCHAR, TIME, INTERVAL, other scalars | string |
| UUID, BLOB | binData |
| JSON, STRUCT, MAP, lists | object, array, or what the JSON is |
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from engine.errors import LoadRefused
from engine.media.documents import DocumentLoad
from engine.schema import quote
from engine.streams.arrow import batches

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_BATCH = 2_000
_SHOWN = 60
_INT64 = range(-(2**63), 2**63)
Document = dict[str, Any]
Convert = Callable[[Any], Any]


def documents(
    session: duckdb.DuckDBPyConnection, query: str, load: DocumentLoad
) -> Iterator[list[Document]]:
    """The rows of ``query`` in batches. Raises ``LoadRefused`` for a value MongoDB cannot hold."""
    described = session.execute(f"DESCRIBE {query}").fetchall()
    types = {str(name): str(type_) for name, type_, *_ in described}
    items = ", ".join(
        f"{_leaving(origin, types[origin])} AS {quote(f'c{i}')}"
        for i, origin in enumerate(load.columns.values())
    )
    converts = [
        (path, _convert(types[origin], load.stored_as.get(path, "")))
        for path, origin in load.columns.items()
    ]
    number = 0
    for batch in batches(session, f"SELECT {items} FROM ({query}\n)", _BATCH):
        made = _documents(batch, converts)
        for document in made:
            document.setdefault("_id", _id(load, number))
            number += 1
        yield made


def ids_of(load: Mapping[str, Any]) -> Document:
    """A condition on the ``_id`` of the documents that a load makes; ``load`` has run and node."""
    from bson import ObjectId

    start = _digest(load["run"], load["node"])
    return {"$gte": ObjectId(start + bytes(5)), "$lte": ObjectId(start + b"\xff" * 5)}


def _id(load: DocumentLoad, number: int) -> Any:
    """The same for the same row of the same load, however often it is tried."""
    from bson import ObjectId

    return ObjectId(_digest(load.run_id, load.node) + number.to_bytes(5, "big"))


def _digest(run: str, node: str) -> bytes:
    return hashlib.sha256(f"{run}/{node}".encode()).digest()[:7]


def _leaving(name: str, type_: str) -> str:
    """DuckDB's expression for a column on its way out."""
    column = quote(name)
    if type_ in {"TIME", "INTERVAL", "TIME WITH TIME ZONE"}:
        return f"CAST({column} AS VARCHAR)"
    if type_ == "TIMESTAMP_NS":
        return f"CAST({column} AS TIMESTAMP)"
    return f"CAST(to_json({column}) AS VARCHAR)" if _is_nested(type_) else column


def _is_nested(type_: str) -> bool:
    return type_.endswith("]") or type_.startswith(("STRUCT", "MAP", "UNION"))


def _documents(batch: pa.RecordBatch, converts: list[tuple[str, Convert | None]]) -> list[Document]:
    made: list[Document] = [{} for _ in range(batch.num_rows)]
    for values, (path, convert) in zip(batch.columns, converts, strict=True):
        for document, value in zip(made, values.to_pylist(), strict=True):
            if convert and value is not None:
                value = _converted(value, path, convert)
            _put(document, path, value)
    return made


def _converted(value: Any, path: str, convert: Convert) -> Any:
    try:
        return convert(value)
    except (ValueError, ArithmeticError, TypeError) as error:
        shown = str(value) if len(str(value)) <= _SHOWN else f"{str(value)[:_SHOWN]}…"
        raise LoadRefused(
            f"value '{shown}' cannot be stored in field '{path}': {error}; nothing was loaded; "
            "correct the value, or store it as text"
        ) from None


def _put(document: Document, path: str, value: Any) -> None:
    *outer, last = path.split(".")
    for part in outer:
        document = document.setdefault(part, {})
    document[last] = value


def _convert(type_: str, stored_as: str) -> Convert | None:
    """None where a value goes as it is."""
    if stored_as == "objectid":
        return _object_id
    if type_ == "JSON" or stored_as == "json" or _is_nested(type_):
        from bson.json_util import JSONOptions, loads

        return lambda text: loads(text, json_options=JSONOptions(tz_aware=True))
    if type_.startswith("DECIMAL"):
        from bson import Decimal128

        return Decimal128
    return _CONVERTS.get(type_)


def _object_id(text: str) -> Any:
    from bson import ObjectId

    if not ObjectId.is_valid(text):
        raise ValueError("expected 24 hexadecimal digits")
    return ObjectId(text)


def _whole(value: Any) -> Any:
    from bson import Decimal128, Int64

    number = int(value)
    return Int64(number) if number in _INT64 else Decimal128(str(number))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


_CONVERTS: dict[str, Convert] = {
    "BIGINT": _whole,
    "UINTEGER": _whole,
    "UBIGINT": _whole,
    "HUGEINT": _whole,
    "UHUGEINT": _whole,
    "DATE": _midnight,
    "UUID": uuid.UUID,
}
