"""SQL that reads files: nothing is guessed, and no value is changed.

DuckDB would guess delimiters and types from a sample, skip lines it cannot place, and round
numbers to a declared type. So every setting is given, columns are named from the header,
and numbers are read as text and cast only where the cast is exact.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from engine.connectors.files.locating import SHOWN
from engine.errors import ConnectorError
from engine.media.files import File, FileExtraction
from engine.sandbox import locking
from engine.schema import Schema, literal, quote
from engine.stages.culprit import in_words
from engine.suggestion import unknown

if TYPE_CHECKING:
    import duckdb

#: Settings of a database that only looks at what files are like.
_SMALL: dict[str, str | bool | int | float | list[str]] = {
    "threads": "1",
    "memory_limit": "256MB",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}
#: A header must end within this many characters.
_HEADER_SIZE = 1 << 20
#: The longest line of a CSV file, and the largest object of JSON lines.
_MAX_LINE_BYTES = 4 << 20
_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"}
_WHOLE |= {"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"}
#: A JSON number with more digits has gone through a double, and may have changed.
_EXACT_DIGITS = 15


def relation(root: str, files: Sequence[File], extraction: FileExtraction) -> str:
    """A SELECT of all rows of ``files``, in the extraction's columns.

    ``root`` is how the location of each of them begins, and a slash.
    """
    rows = _rows(root, files, extraction)
    if not extraction.columns:
        return rows
    return f"SELECT {', '.join(map(quote, extraction.columns))} FROM ({rows})"


def _rows(root: str, files: Sequence[File], extraction: FileExtraction) -> str:
    paths = f"[{', '.join(literal(file.location) for file in files)}]"
    match extraction.format:
        case "parquet":
            return f"SELECT * FROM read_parquet({paths}, hive_partitioning = false)"
        case "jsonl":
            return _json_lines(root, paths, dict(extraction.declared))
        case _:
            return _csv(root, paths, _csv_columns(files, extraction), extraction)


def _csv(root: str, paths: str, columns: Mapping[str, str], extraction: FileExtraction) -> str:
    items = ", ".join(
        _exact(quote(name), name, type_, root) if _needs_care(type_) else quote(name)
        for name, type_ in columns.items()
    )
    settings = (
        f"auto_detect = false, header = {extraction.has_header}, columns = {_read_as(columns)}, "
        f"delim = {literal(extraction.delimiter)}, quote = '\"', escape = '\"', nullstr = '', "
        "allow_quoted_nulls = false, strict_mode = true, null_padding = false, "
        f"ignore_errors = false, hive_partitioning = false, max_line_size = {_MAX_LINE_BYTES}, "
        f"buffer_size = {2 * _MAX_LINE_BYTES}"
    )
    return f"SELECT {items} FROM read_csv({paths}, {settings})"


def _json_lines(root: str, paths: str, columns: Mapping[str, str]) -> str:
    items = ", ".join(
        _exact_json(name, type_, root) if _needs_care(type_) else quote(name)
        for name, type_ in columns.items()
    )
    settings = (
        f"format = 'newline_delimited', columns = {_read_as(columns, care='JSON')}, "
        "ignore_errors = false, hive_partitioning = false, "
        f"maximum_object_size = {_MAX_LINE_BYTES}"
    )
    return f"SELECT {items} FROM read_json({paths}, {settings})"


def _read_as(columns: Mapping[str, str], care: str = "VARCHAR") -> str:
    """DuckDB's ``columns`` setting; numbers that a cast could round come as ``care``."""
    items = (
        f"{literal(name)}: {literal(care if _needs_care(type_) else type_)}"
        for name, type_ in columns.items()
    )
    return f"{{{', '.join(items)}}}"


def _needs_care(type_: str) -> bool:
    return type_ in _WHOLE or type_.startswith("DECIMAL")


def _exact(text: str, name: str, type_: str, root: str) -> str:
    """``text`` as a number of that type, or an error that names file, column and value."""
    scale = int(type_.rpartition(",")[2].rstrip(")")) if type_.startswith("DECIMAL") else 0
    digits = rf"[+-]?(\d+(\.\d{{0,{scale}}}0*)?|\.\d{{1,{max(scale, 1)}}}0*)"
    is_exact = f"regexp_full_match({text}, {literal(digits)})"
    value = f"CASE WHEN {is_exact} THEN TRY_CAST({text} AS {type_}) END"
    complaint = _complaint(text, name, f"cannot be read exactly as {type_}", root)
    failure = f"CASE WHEN {text} IS NOT NULL THEN CAST(error({complaint}) AS {type_}) END"
    return f"coalesce({value}, {failure}) AS {quote(name)}"


def _exact_json(name: str, type_: str, root: str) -> str:
    """As ``_exact``; a number that JSON readers take as a double must have few digits."""
    text = f"({quote(name)}->>'$')"
    digits = f"length(regexp_replace({text}, '[^0-9]', '', 'g'))"
    is_rounded = f"json_type({quote(name)}) = 'DOUBLE' AND {digits} > {_EXACT_DIGITS}"
    why = "has more digits than numbers of JSON carry; write it in quotes"
    complaint = _complaint(text, name, why, root)
    checked = f"CASE WHEN {is_rounded} THEN error({complaint}) ELSE {text} END"
    return _exact(f"({checked})", name, type_, root)


def _complaint(text: str, name: str, why: str, root: str) -> str:
    """SQL of an error's message."""
    file = f"replace(filename, {literal(f'{root}/')}, '')"
    column, rest = literal(f"', column '{name}': '"), literal(f"' {why}")
    return f"'E_VALUE: file ''' || {file} || {column} || left({text}, {SHOWN}) || {rest}"


def _csv_columns(files: Sequence[File], extraction: FileExtraction) -> dict[str, str]:
    """Name → type of every column of the files, which must all have the same header."""
    declared = dict(extraction.declared)
    if not extraction.has_header:
        return declared
    header = _header(files[0], extraction.delimiter)
    for file in files[1:]:
        if (other := _header(file, extraction.delimiter)) != header:
            raise _unusable(
                f"file '{file.name}' has the columns {', '.join(other)}, but "
                f"'{files[0].name}' has {', '.join(header)}; read them in two nodes"
            )
    for name in declared:
        if name not in header:
            raise ConnectorError(
                unknown("column", name, header), code="E_COLUMN_NOT_FOUND", permanent=True
            )
    return {name: declared.get(name, "VARCHAR") for name in header}


def _header(file: File, delimiter: str) -> list[str]:
    where = f"file '{file.name}'"
    try:
        with file.open() as raw:
            content = gzip.GzipFile(fileobj=raw) if file.name.endswith(".gz") else raw
            text = content.read(_HEADER_SIZE).decode("utf-8-sig", "surrogateescape")
        start = io.StringIO(text, newline="")
        names = next(csv.reader(start, delimiter=delimiter, strict=True), [])
        "".join(names).encode()
    except (OSError, UnicodeError, csv.Error) as error:
        raise _unusable(f"the header of {where} cannot be read: {error}") from error
    folded = [name.casefold() for name in names]
    if not names:
        raise _unusable(f"{where} is empty; expected a first line with the names of its columns")
    if "" in folded:
        raise _unusable(f"column {folded.index('') + 1} of {where} has no name; give it one")
    for name in names:
        if folded.count(name.casefold()) > 1:
            raise _unusable(f"{where} has two columns '{name}'; names must differ whatever case")
    return names


def _unusable(message: str) -> ConnectorError:
    return ConnectorError(message, code="E_FILE", permanent=True)


def describe(
    root: str,
    relation: str,
    prepare: Callable[[duckdb.DuckDBPyConnection], None] = lambda session: None,
) -> Schema:
    """Columns of a relation, as DuckDB sees them when it can open nothing but ``root``."""
    import duckdb

    session = duckdb.connect(config=_SMALL)
    try:
        prepare(session)
        for setting in locking([root]):
            session.execute(setting)
        found = session.sql(relation)
        return Schema.of(zip(found.columns, map(str, found.types), strict=True))
    except duckdb.Error as error:
        raise _unusable(in_words(error).removeprefix("E_VALUE: ")) from error
    finally:
        session.close()
