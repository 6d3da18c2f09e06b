"""How rows get into files exactly once.

All happens in a folder of books, ``<root>/.flowadmin/<path>``, under its lock:

1. what dead loads left is finished if its manifest is there, and removed if not;
2. a manifest of this load says that it was applied before: nothing is written;
3. the rows are written into a staging folder, and flushed to disk;
4. the manifest is written. From here on the load counts;
5. the files are renamed to where they belong, and the staging folder is removed.

Whatever is killed, the next load of the same path begins with 1.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.connectors.files.formats import copy_statement
from engine.connectors.files.place import BOOKS, to_write
from engine.errors import AccessDenied, ConnectorError, LoadRefused
from engine.media.files import FileLoad
from engine.transfer import LoadResult

if TYPE_CHECKING:
    import duckdb

_LOCK_SECONDS = 0.2


class Delivery:
    """One load into ``root``. Raises ``LoadRefused``, and then leaves the files as they were."""

    def __init__(self, root: Path, load: FileLoad) -> None:
        self._load = load
        self._target = to_write(root, load.path)
        self._books = root / BOOKS / load.path
        identity = f"{load.run_id}\0{load.node}".encode()
        self._token = hashlib.sha256(identity).hexdigest()[:16]
        self._staging = self._books / f".staged-{self._token}"

    def load(
        self, session: duckdb.DuckDBPyConnection, query: str, on_wait: Callable[[], None]
    ) -> LoadResult:
        try:
            self._refuse_unfit_target()
            self._open_books()
            with self._lock(on_wait):
                self._settle_dead_loads()
                manifest = self._manifest(self._token)
                if manifest.exists():
                    return LoadResult(_read(manifest)["rows"], was_applied_before=True)
                rows = self._stage(session, query)
                on_wait()
                self._commit(manifest, rows)
                self._install(self._staging, _read(manifest))
                return LoadResult(rows)
        except OSError as error:
            raise ConnectorError(
                f"path '{self._load.path}' cannot be written: {error.strerror}; "
                "check rights and free space of the folder"
            ) from error

    def _refuse_unfit_target(self) -> None:
        """A folder that is to be replaced must hold nothing but what loads have written."""
        path, is_folder = self._load.path, self._target.is_dir()
        if self._target.exists() and is_folder == self._load.is_one_file:
            wanted = "file" if self._load.is_one_file else "folder"
            raise LoadRefused(f"path '{path}' exists and is no {wanted}; choose another path")
        if self._load.mode == "replace" and is_folder:
            for file in self._target.rglob("*"):
                if not file.is_dir() and not file.name.startswith("part-"):
                    name = file.relative_to(self._target)
                    raise LoadRefused(
                        f"folder '{path}' holds '{name}', which no load has written, and would "
                        "lose it; choose another folder, or move the file away"
                    )

    def _open_books(self) -> None:
        self._books.mkdir(parents=True, exist_ok=True)
        if self._books.resolve() != self._books:
            raise AccessDenied(f"'{BOOKS}' in the connection's folder is a link; remove it")

    @contextmanager
    def _lock(self, on_wait: Callable[[], None]) -> Iterator[None]:
        """One load at a time per path; the system gives the lock back for whoever is killed."""
        with open(self._books / ".lock", "a") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    on_wait()
                    time.sleep(_LOCK_SECONDS)
            yield

    def _settle_dead_loads(self) -> None:
        for staging in self._books.glob(".staged-*"):
            manifest = self._manifest(staging.name.removeprefix(".staged-"))
            if manifest.exists():
                self._install(staging, _read(manifest))
            else:
                shutil.rmtree(staging)

    def _stage(self, session: duckdb.DuckDBPyConnection, query: str) -> int:
        """Rows written into the staging folder, and safe on disk."""
        name = f"part-{self._token}" if not self._load.is_one_file else self._target.name
        self._staging.mkdir()
        try:
            folder = self._staging / "rows"
            if not self._load.partition_by:
                folder.mkdir()
            statement = copy_statement(session, query, self._load, str(folder), name)
            row = session.execute(statement).fetchone()
            _flush(self._staging)
        except BaseException:
            shutil.rmtree(self._staging, ignore_errors=True)
            raise
        return int(row[0]) if row else 0

    def _commit(self, manifest: Path, rows: int) -> None:
        staged = self._staging / "rows"
        files = [file for file in sorted(staged.rglob("*")) if file.is_file()]
        entry = {
            "run": self._load.run_id,
            "node": self._load.node,
            "path": self._load.path,
            "mode": self._load.mode,
            "one_file": self._load.is_one_file,
            "rows": rows,
            "files": [
                {
                    "path": file.relative_to(staged).as_posix(),
                    "bytes": file.stat().st_size,
                    "sha256": _digest(file),
                }
                for file in files
            ],
        }
        draft = self._staging / "manifest"
        draft.write_text(json.dumps(entry, indent=1))
        _flush(self._staging)
        draft.rename(manifest)
        _flush_one(self._books)

    def _install(self, staging: Path, manifest: dict[str, Any]) -> None:
        """Rename the staged files to where they belong; may be done again from any point."""
        staged = staging / "rows"
        if manifest["mode"] == "replace" and not manifest["one_file"]:
            self._swap(staged, staging / "replaced")
        else:
            folder = self._target.parent if manifest["one_file"] else self._target
            for entry in manifest["files"]:
                _move(staged / entry["path"], folder / entry["path"])
        shutil.rmtree(staging)

    def _swap(self, staged: Path, replaced: Path) -> None:
        """Put a whole folder in the place of another."""
        if staged.exists():
            self._target.parent.mkdir(parents=True, exist_ok=True)
            if self._target.exists():
                self._target.rename(replaced)
            staged.rename(self._target)
            _flush_one(self._target.parent)

    def _manifest(self, token: str) -> Path:
        return self._books / f".load-{token}.json"


def _read(manifest: Path) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(manifest.read_text())
    return entry


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _move(staged: Path, place: Path) -> None:
    if staged.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        staged.replace(place)
        _flush_one(place.parent)


def _flush(folder: Path) -> None:
    """See to it that all below ``folder`` survives a loss of power."""
    for place in (folder, *folder.rglob("*")):
        _flush_one(place)


def _flush_one(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
