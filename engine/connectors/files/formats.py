"""SQL that writes files, each value so that reading it back gives the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from engine.media.files import FileLoad
from engine.schema import literal, quote

if TYPE_CHECKING:
    import duckdb

#: What spreadsheets take for the beginning of a formula, in their wide forms too.
_FORMULA = r"^[=+\-@\t\r\n" + "\uff1d\uff0b\uff0d\uff20]"
#: Parquet has no such type, and DuckDB would write another value.
_IN_PARQUET = {
    "HUGEINT": "DECIMAL(38,0)",
    "UHUGEINT": "DECIMAL(38,0)",
    "INTERVAL": "VARCHAR",
    "TIME WITH TIME ZONE": "VARCHAR",
}


def copy_statement(
    session: duckdb.DuckDBPyConnection, query: str, load: FileLoad, folder: str, name: str
) -> str:
    """A COPY of the query's rows into ``folder``: into file ``name``, or files that begin so.

    The folder of a single file must be there.
    """
    described = session.execute(f"DESCRIBE {query}").fetchall()
    types = {str(row[0]): str(row[1]) for row in described}
    items = ", ".join(
        f"{_value(quote(origin), types[origin], load)} AS {quote(_label(target, load))}"
        for target, origin in load.columns.items()
    )
    options, place = [f"FORMAT {load.format}", *_FORMAT[load.format](load)], folder
    if load.partition_by:
        options.append(f"PARTITION_BY ({', '.join(map(quote, load.partition_by))})")
        options += ["WRITE_PARTITION_COLUMNS true", f"FILENAME_PATTERN '{name}-{{i}}'"]
    else:
        options.append("USE_TMP_FILE false")
        place = f"{folder}/{name if load.is_one_file else f'{name}.{load.format}'}"
    return f"COPY (SELECT {items} FROM ({query}\n)) TO {literal(place)} ({', '.join(options)})"


def _csv_options(load: FileLoad) -> list[str]:
    quoting = "QUOTE '\"', ESCAPE '\"', NULLSTR ''"
    return ["HEADER true", f"DELIMITER {literal(load.delimiter)}", quoting]


def _parquet_options(load: FileLoad) -> list[str]:
    return ["COMPRESSION zstd"]


_FORMAT = {"csv": _csv_options, "parquet": _parquet_options}


def _value(name: str, type_: str, load: FileLoad) -> str:
    if load.format == "parquet":
        return f"CAST({name} AS {_IN_PARQUET[type_]})" if type_ in _IN_PARQUET else name
    if type_ == "VARCHAR" and load.escape_formulas:
        return f"CASE WHEN regexp_matches({name}, '{_FORMULA}') THEN '''' || {name} ELSE {name} END"
    return name


def _label(name: str, load: FileLoad) -> str:
    is_escaped = load.format == "csv" and load.escape_formulas and re.match(_FORMULA, name)
    return f"'{name}" if is_escaped else name
