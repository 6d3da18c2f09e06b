"""What nodes ask of connections to files: a file is a table whose name is its path."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, BinaryIO, Protocol

from engine.transfer import Extraction, Load


class File(Protocol):
    """A file to read, wherever it is."""

    @property
    def name(self) -> str:
        """Relative to the connection's folder."""

    @property
    def location(self) -> str:
        """What DuckDB opens."""

    def open(self) -> BinaryIO:
        """Its bytes."""


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file that is there; ``name`` is relative to the connection's folder."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True)
class FileExtraction(Extraction):
    """``table`` is a path relative to the connection's folder, or a pattern of such paths."""

    format: str = "csv"  # csv | parquet | jsonl
    #: (name, type) of declared columns, types in DuckDB's words.
    declared: tuple[tuple[str, str], ...] = ()
    has_header: bool = True
    delimiter: str = ","

    @property
    def path(self) -> str:
        return self.table.table if self.table else ""


@dataclass(frozen=True, slots=True)
class FileLoad(Load):
    """``table`` is a path: of a file to replace, otherwise of a folder of files."""

    format: str = "csv"  # csv | parquet
    delimiter: str = ","
    partition_by: tuple[str, ...] = ()
    escape_formulas: bool = True

    @classmethod
    def of(cls, load: Load, **settings: Any) -> FileLoad:
        """``load`` with what only files need to know."""
        known = {field.name: getattr(load, field.name) for field in fields(Load)}
        return cls(**known, **settings)

    @property
    def path(self) -> str:
        return self.table.table

    @property
    def is_one_file(self) -> bool:
        return self.mode == "replace" and not self.partition_by


def path_refusal(path: str, *, is_pattern: bool = False) -> str:
    """Why ``path`` cannot be used inside a folder, and what to do; empty = it can."""
    parts = path.split("/")
    if path.startswith("/"):
        reason = "it is absolute; write it relative to the connection's folder"
    elif "\\" in path or not path.isprintable():
        reason = "it holds a backslash or a control character; separate folders by '/'"
    elif ".." in parts:
        reason = "'..' leads out of a folder; write it relative to the connection's folder"
    elif not all(parts):
        reason = "a part of it is empty; write it like 'folder/file.csv'"
    elif any(part.startswith(".") for part in parts):
        reason = "hidden files and folders are not touched; choose a name without a leading '.'"
    elif not is_pattern and any(sign in path for sign in "*?["):
        reason = "'*', '?' and '[' are for patterns of files to read; write one name"
    else:
        return ""
    return f"path '{path}' cannot be used: {reason}"
