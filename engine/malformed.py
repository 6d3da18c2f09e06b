"""DuckDB's long complaints about malformed files as one sentence with file and line."""

from __future__ import annotations

import re

_CSV_LINE = re.compile(r"CSV Error on Line: (\d+)")
_CSV_FILE = re.compile(r"^ *file = (.*)$", re.MULTILINE)
_CSV_REASON = re.compile(
    r"^(Error when converting column .*|Expected Number of Columns.*|Value with unterminated.*|"
    r"Invalid unicode.*|Maximum line size.*)$",
    re.MULTILINE,
)
#: How the locations of remote files begin.
_REMOTE = re.compile(r"^remote-[0-9a-f]+://")
_JSON = re.compile(
    r'(?:Malformed JSON|JSON transform error) in file "(.*)",(?: at byte \d+)? in line (\d+): (.*)'
)


def explain(complaint: str) -> str:
    """The complaint in our words, its code in front; empty if it is about something else."""
    if line := _CSV_LINE.search(complaint):
        file, reason = _CSV_FILE.search(complaint), _CSV_REASON.search(complaint)
        said = reason[1] if reason else "it is malformed"
        return _sentence(file[1] if file else "?", line[1], said)
    if found := _JSON.search(complaint):
        return _sentence(found[1], found[2], found[3])
    return ""


def _sentence(file: str, line: str, reason: str) -> str:
    file = _REMOTE.sub("", file)
    reason = reason[:1].lower() + reason[1:].strip().rstrip(".")
    return f"E_VALUE: file '{file}', line {line}: {reason}; correct the file or the node's settings"
