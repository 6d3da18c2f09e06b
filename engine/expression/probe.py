"""What a constant text means to DuckDB: asked of DuckDB itself."""

from __future__ import annotations

from functools import cache, lru_cache
from threading import Lock

import duckdb

_LOCK = Lock()


@lru_cache(maxsize=4096)
def can_cast(text: str, type_: str) -> bool:
    """Whether DuckDB reads ``text`` as a ``type_`` (a name from ``scalar_type``)."""
    with _LOCK:
        row = _session().execute(f"SELECT TRY_CAST(? AS {type_}) IS NOT NULL", [text]).fetchone()
    return bool(row and row[0])


@cache
def _session() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"enable_external_access": "false", "threads": "1"})
