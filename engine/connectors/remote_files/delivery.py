"""How rows get into remote files exactly once, where there are neither locks nor renames.

1. what loads before this one have decided (3) and not put in place is put in place;
2. the rows are written into a staging folder of this attempt;
3. the manifest is written, one object: from here on the load counts. A manifest of this load
   that is there already says that it was decided before, and nothing is written;
4. the files are copied to where they belong, under names that are the same at every attempt,
   and the staging folder is removed.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from engine.connectors.files.formats import copy_statement
from engine.connectors.files.place import BOOKS
from engine.connectors.remote_files.store import protocol_of, register, store_of
from engine.errors import AccessDenied, LoadRefused
from engine.media.files import FileLoad, path_refusal
from engine.transfer import LoadResult

if TYPE_CHECKING:
    import duckdb

    from engine.connectors.remote_files.config import RemoteFilesConfig

Manifest = dict[str, Any]
#: A staging folder that no manifest names may belong to a load that is at work.
_FORGOTTEN = timedelta(days=7)


class RemoteDelivery:
    """One load. Raises ``LoadRefused``, and then leaves the files as they were."""

    def __init__(self, config: RemoteFilesConfig, load: FileLoad) -> None:
        if reason := path_refusal(load.path):
            raise AccessDenied(reason)
        self._load = load
        self._config = config
        self._store = store_of(config)
        self._location = f"{protocol_of(config)}://"
        self._books = f"{BOOKS}/{load.path}"
        identity = f"{load.run_id}\0{load.node}".encode()
        self._token = hashlib.sha256(identity).hexdigest()[:16]

    def load(
        self, session: duckdb.DuckDBPyConnection, query: str, on_wait: Callable[[], None]
    ) -> LoadResult:
        self._settle()
        if decided := self._manifest(self._token):
            return LoadResult(decided["rows"], was_applied_before=True)
        self._refuse_unfit_target()
        staged = f"staged-{self._token}-{uuid.uuid4().hex[:8]}"
        try:
            rows = self._stage(session, query, staged)
            on_wait()
        except BaseException:
            self._remove(staged)
            raise
        self._install(self._decide(staged, rows))
        return LoadResult(rows)

    def _settle(self) -> None:
        """Loads that were decided are put in place; what nobody decided for days is removed."""
        for name in self._staged():
            token = name.split("-")[1]
            manifest = self._manifest(token)
            if manifest and manifest["staged"] == name:
                self._install(manifest)
            elif manifest or self._is_forgotten(name):
                self._remove(name)

    def _stage(self, session: duckdb.DuckDBPyConnection, query: str, staged: str) -> int:
        load = self._load
        name = load.path.split("/")[-1] if load.is_one_file else f"part-{self._token}"
        register(self._config, session)
        folder = f"{self._location}{self._books}/{staged}"
        row = session.execute(copy_statement(session, query, load, folder, name)).fetchone()
        return int(row[0]) if row else 0

    def _decide(self, staged: str, rows: int) -> Manifest:
        folder = f"{self._books}/{staged}/"
        files = [
            {"path": path.removeprefix(folder), **self._written(path)}
            for path in self._store.find(folder.rstrip("/"))
        ]
        manifest: Manifest = {
            "run": self._load.run_id,
            "node": self._load.node,
            "path": self._load.path,
            "mode": self._load.mode,
            "one_file": self._load.is_one_file,
            "rows": rows,
            "staged": staged,
            "files": files,
        }
        content = json.dumps(manifest, indent=1).encode()
        try:
            self._store.pipe_file(self._manifest_path(self._token), content, mode="create")
        except FileExistsError:
            return self._manifest(self._token) or manifest  # another attempt was faster
        return manifest

    def _written(self, path: str) -> dict[str, Any]:
        """Size and hash, as they were found when the file was written."""
        return asdict(self._store.written.pop(path))

    def _install(self, manifest: Manifest) -> None:
        """Copy what is still staged, and only then remove it; may be done again from any point."""
        staged = f"{self._books}/{manifest['staged']}"
        path = str(manifest["path"])
        folder = path.rpartition("/")[0] if manifest["one_file"] else path
        placed = set()
        for entry in manifest["files"]:
            place = f"{folder}/{entry['path']}".lstrip("/")
            placed.add(place)
            if self._store.exists(f"{staged}/{entry['path']}"):
                self._store.copy(f"{staged}/{entry['path']}", place)
        if manifest["mode"] == "replace" and not manifest["one_file"]:
            for old in set(self._store.find(path)) - placed:
                self._store.rm_file(old)
        self._remove(manifest["staged"])

    def _refuse_unfit_target(self) -> None:
        """A folder that is to be replaced must hold nothing but what loads have written."""
        if self._load.mode != "replace" or self._load.is_one_file:
            return
        for path in self._store.find(self._load.path):
            if not path.rpartition("/")[2].startswith("part-"):
                raise LoadRefused(
                    f"folder '{self._load.path}' holds '{path}', which no load has written, and "
                    "replacing it would lose it; choose another folder, or move the file away"
                )

    def _staged(self) -> list[str]:
        found = (path.removeprefix(f"{self._books}/") for path in self._store.find(self._books))
        names = {name.split("/")[0] for name in found if name.startswith("staged-")}
        return sorted(names)

    def _is_forgotten(self, staged: str) -> bool:
        before = datetime.now(UTC) - _FORGOTTEN
        paths = self._store.find(f"{self._books}/{staged}")
        return all(self._store.modified(path) < before for path in paths)

    def _manifest(self, token: str) -> Manifest | None:
        try:
            content = self._store.cat_file(self._manifest_path(token))
        except FileNotFoundError:
            return None
        manifest: Manifest = json.loads(content)
        return manifest

    def _manifest_path(self, token: str) -> str:
        return f"{self._books}/load-{token}.json"

    def _remove(self, staged: str) -> None:
        for path in self._store.find(f"{self._books}/{staged}"):
            self._store.rm_file(path)
