"""Which files a load would write, replace and remove, found out without doing it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.loads.destination import Arriving
from engine.media.files import FileLoad, HeldFile
from engine.schema import quote

#: What becomes of a file; where one ``blocks``, the load is refused.
Fate = Literal["created", "replaced", "removed", "blocks"]
#: What DuckDB calls the folder of rows that have NULL in a column by which they are parted.
_NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, slots=True)
class FileChange:
    """``bytes`` of a file that is there; None of one that is not."""

    path: str
    fate: Fate
    bytes: int | None = None


def file_changes(
    load: FileLoad, held: Sequence[HeldFile], arriving: Arriving
) -> Iterator[FileChange]:
    """What is written, by the rows that arrive, then what becomes of the files that are there.

    Of new files in a folder the names are known up to a part that each load has of its own.
    """
    if not load.is_one_file:
        for folder in _folders(load, arriving):
            yield FileChange(f"{folder}/part-*.{load.format}", "created")
    elif not any(file.name == load.path for file in held):
        yield FileChange(load.path, "created")
    for file in held:
        if fate := _fate(load, file.name):
            yield FileChange(file.name, fate, file.bytes)


def _fate(load: FileLoad, name: str) -> Fate | None:
    """None for a file that stays; as the load decides it."""
    if load.is_one_file or name == load.path:
        return "replaced" if load.is_one_file and name == load.path else "blocks"
    if load.mode != "replace":
        return None
    return "removed" if name.rpartition("/")[2].startswith("part-") else "blocks"


def _folders(load: FileLoad, arriving: Arriving) -> list[str]:
    if not load.partition_by:
        return [load.path]
    values = ", ".join(
        f"coalesce(url_encode(CAST({quote(name)} AS VARCHAR)), '{_NULL_FOLDER}')"
        for name in load.partition_by
    )
    found = arriving.ask(f"DISTINCT {values}", " ORDER BY ALL")
    return [
        "/".join((load.path, *map("=".join, zip(load.partition_by, row, strict=True))))
        for row in found
    ]
