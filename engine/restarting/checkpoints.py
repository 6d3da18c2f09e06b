"""Kept rows on disk, for a restarted run: a Parquet file and a note beside it.

One folder holds those of all runs, in a folder per first run. The note is written last, so
that a checkpoint without one is not there. Types that Parquet does not hold exactly travel
as text.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from engine.errors import CheckpointLost
from engine.restarting.kept import Kept
from engine.schema import Schema, quote
from engine.transfer import Watermark

#: The largest row group that is buffered before it is written, in rows.
_ROW_GROUP = 61_440
#: Parquet would round these, or give them back as something else.
_AS_TEXT = re.compile(r"HUGEINT|INTERVAL|\bBIT\b|TIME WITH TIME ZONE|UNION|ENUM|BIGNUM")
_ORDER = "row order"
#: Settings of a worker's host: where checkpoints lie, for how long, and how much they take.
FOLDER = "FLOWADMIN_CHECKPOINTS"
DAYS = "FLOWADMIN_CHECKPOINT_DAYS"
GIGABYTES = "FLOWADMIN_CHECKPOINT_GB"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Rows on disk, and what has to be known to go on with them."""

    file: Path
    kept: Kept
    #: (name, type) of the table's columns, in DuckDB's words.
    columns: tuple[tuple[str, str], ...]
    #: What the loads of these rows move.
    watermarks: tuple[Watermark, ...] = ()

    def read(self, table: str, session: duckdb.DuckDBPyConnection) -> None:
        """Make ``table`` (quoted) of the rows.

        Raises ``CheckpointLost``; the checkpoint is not found any more then.
        """
        columns = ", ".join(f"CAST({quote(n)} AS {t}) AS {quote(n)}" for n, t in self.columns)
        order = f" ORDER BY {quote(_ORDER)}" if self.kept.is_sorted else ""
        rows = f"SELECT {columns} FROM read_parquet({_text(self.file)}){order}"
        try:
            session.execute(f"CREATE OR REPLACE TABLE {table} AS {rows}")
            found = session.execute(f"SELECT count(*) FROM {table}").fetchone()
        except duckdb.Error as error:
            raise self._lost(str(error).splitlines()[0]) from error
        if found != (sum(self.kept.rows.values()),):
            raise self._lost("it holds another number of rows than its note says")

    def _lost(self, why: str) -> CheckpointLost:
        self.file.unlink(missing_ok=True)
        return CheckpointLost(
            f"the rows that an earlier run kept in '{self.file}' cannot be read ({why}); "
            "retry once more, and they are made anew"
        )


class Checkpoints:
    """Those of one run and its restarts, in ``folder``; it is made when it is needed.

    ``fingerprints`` tell by step what its rows depend on.
    """

    def __init__(self, folder: Path, fingerprints: Mapping[str, str]) -> None:
        self.folder = folder
        self._fingerprints = fingerprints

    def find(self) -> dict[str, Checkpoint]:
        """Step → its checkpoint, of those whose fingerprint matches."""
        found = ((key, self._read(self._file(key))) for key in self._fingerprints)
        return {key: one for key, one in found if one is not None}

    def write(
        self,
        step: str,
        table: str,
        kept: Kept,
        watermarks: Sequence[Watermark],
        session: duckdb.DuckDBPyConnection,
    ) -> None:
        """Keep the rows of ``table`` (quoted). Raises ``OSError`` or ``duckdb.Error``."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        columns = _columns(table, session)
        chosen = ", ".join(_written(name, type_) for name, type_ in columns)
        order = f", rowid AS {quote(_ORDER)}" if kept.is_sorted else ""
        file = self._file(step)
        draft = file.with_suffix(f".{os.getpid()}.draft")
        try:
            session.execute(
                f"COPY (SELECT {chosen}{order} FROM {table}) TO {_text(draft)} "
                f"(FORMAT parquet, COMPRESSION lz4, ROW_GROUP_SIZE {_ROW_GROUP})"
            )
            draft.replace(file)
            note = {
                "columns": columns,
                "kept": asdict(kept) | {"schema": kept.schema.as_json()},
                "watermarks": [asdict(mark) for mark in watermarks],
                "bytes": file.stat().st_size,
            }
            draft.write_text(json.dumps(note))
            draft.replace(file.with_suffix(".json"))
        finally:
            draft.unlink(missing_ok=True)

    def touch(self) -> None:
        """Count as used now, so that a sweep takes others first."""
        with suppress(OSError):
            os.utime(self.folder)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, step: str) -> Path:
        return self.folder / f"{self._fingerprints[step]}.parquet"

    def _read(self, file: Path) -> Checkpoint | None:
        try:
            note = json.loads(file.with_suffix(".json").read_text())
            return _checkpoint(file, note) if file.stat().st_size == note["bytes"] else None
        except (OSError, ValueError, KeyError, TypeError):
            return None


def prepared_folder() -> Path | None:
    """The folder this host's operator gave to checkpoints, swept; None = none are kept."""
    if not (name := os.environ.get(FOLDER, "")):
        return None
    folder = Path(name)
    with suppress(OSError):
        sweep(
            folder,
            max_age_days=float(os.environ.get(DAYS, "7")),
            max_gb=float(os.environ.get(GIGABYTES, "20")),
        )
    return folder


def sweep(folder: Path, *, max_age_days: float, max_gb: float) -> None:
    """Remove what was not used for ``max_age_days``, and the oldest until ``max_gb`` suffice."""
    known = sorted(_used(folder), reverse=True)
    oldest = time.time() - max_age_days * 86_400
    left = max_gb * 1e9
    for used_at, path in known:
        left -= sum(_size(file) for file in path.iterdir())
        if used_at < oldest or left < 0:
            shutil.rmtree(path, ignore_errors=True)


def _used(folder: Path) -> Iterable[tuple[float, Path]]:
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(OSError):
            yield path.stat().st_mtime, path


def _size(file: Path) -> int:
    with suppress(OSError):
        return file.stat().st_size
    return 0


def _columns(table: str, session: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in session.execute(f"DESCRIBE {table}").fetchall()]


def _written(name: str, type_: str) -> str:
    if _AS_TEXT.search(type_):
        return f"CAST({quote(name)} AS VARCHAR) AS {quote(name)}"
    return quote(name)


def _checkpoint(file: Path, note: Mapping[str, Any]) -> Checkpoint:
    kept = note["kept"]
    schema = Schema.of((column["name"], column["type"]) for column in kept["schema"])
    return Checkpoint(
        file,
        Kept(schema, kept["rows"], kept["is_sorted"], tuple(kept["warnings"])),
        tuple((name, type_) for name, type_ in note["columns"]),
        tuple(Watermark(**mark) for mark in note["watermarks"]),
    )


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
