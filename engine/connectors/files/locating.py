"""In which line of a file a value stands that could not be read.

DuckDB does not say of a row where it came from, so the file is read once more, when it has failed.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TextIO

from engine.errors import ConnectorError
from engine.media.files import File, FileExtraction

#: What ``reading`` says of a value: the file, the column, the value, what is wrong with it.
_UNREADABLE = re.compile(
    r"E_VALUE: file '(.*?)', column '(.*?)': '(.*)' ((?:cannot|has).*)", re.DOTALL
)
_NUMBER = re.compile(r"-?[\d.]+([eE][-+]?\d+)?")
#: Characters of a value that are quoted.
SHOWN = 80
#: What the search may take, beyond which no line is named.
_SECONDS = 60.0

#: A line's number, and its values by the names of columns.
Line = tuple[int, Mapping[str, object]]


def located(
    said: str, extraction: FileExtraction, files: Callable[[], Sequence[File]]
) -> ConnectorError | None:
    """``said``, an error of a read of ``files``, with the line; None if it is about no value."""
    found = _UNREADABLE.match(said)
    if not found:
        return None
    name, column, value, reason = found.groups()
    file = next((file for file in files() if file.name == name), None)
    line = _line_of(file, extraction, column, value) if file else 0
    where = f"file '{name}', line {line}" if line else f"file '{name}'"
    message = (
        f"{where}, column '{column}': '{value}' {reason}; correct the file or the column's type"
    )
    return ConnectorError(message, code="E_VALUE", permanent=True)


def _line_of(file: File, extraction: FileExtraction, column: str, value: str) -> int:
    """The first line with that value, from 1; 0 where it is not found in time."""
    end = time.monotonic() + _SECONDS
    with file.open() as raw:
        content = gzip.GzipFile(fileobj=raw) if file.name.endswith(".gz") else raw
        text = io.TextIOWrapper(content, "utf-8-sig", "replace", newline="")
        lines = _of_json(text) if extraction.format == "jsonl" else _of_csv(text, extraction)
        for number, values in lines:
            if _is_shown_as(str(values.get(column, "")), value):
                return number
            if time.monotonic() > end:
                break
    return 0


def _is_shown_as(text: str, value: str) -> bool:
    """Errors have blanks for all white space; of a long number of JSON, what a double has."""
    if re.sub(r"\s+", " ", text[:SHOWN]) == value:
        return True
    return bool(_NUMBER.fullmatch(text) and _NUMBER.fullmatch(value)) and float(text) == float(
        value
    )


def _of_csv(text: TextIO, extraction: FileExtraction) -> Iterator[Line]:
    reader = csv.reader(text, delimiter=extraction.delimiter)
    names = [name for name, _ in extraction.declared]
    if extraction.has_header:
        names = next(reader, [])
    number = reader.line_num + 1
    for row in reader:
        yield number, dict(zip(names, row, strict=False))
        number = reader.line_num + 1


def _of_json(text: TextIO) -> Iterator[Line]:
    for number, line in enumerate(text, 1):
        if line.strip():
            values = json.loads(line, parse_float=str, parse_int=str)
            yield number, values if isinstance(values, dict) else {}
