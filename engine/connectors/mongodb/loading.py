"""How documents get into a collection: staged first, then decided, then put in place.

1. The rows go into a collection of their own, with the rules that the target has; whatever
   goes wrong until here leaves the target as it was.
2. One ledger entry decides that the load counts.
3. The staged documents are put in place, in a way that can be repeated from any point: by the
   same load when it is tried again, or by the next load into the same collection.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from engine.connectors.mongodb.books import Books, primary, token_of
from engine.connectors.mongodb.documents import documents
from engine.connectors.mongodb.indexes import copy_indexes
from engine.connectors.mongodb.locking import Lock
from engine.connectors.mongodb.placing import is_refusal, place
from engine.errors import LoadRefused
from engine.media.documents import DocumentLoad
from engine.transfer import LoadResult

if TYPE_CHECKING:
    import duckdb
    from pymongo.collection import Collection
    from pymongo.database import Database
    from pymongo.errors import BulkWriteError

    Document = dict[str, Any]

_STAGED = "flowadmin_staged_"
_KEYS_INDEX = "flowadmin_keys"
#: Options of a collection that a staged one is given as well.
_RULES = ("validator", "validationLevel", "validationAction", "collation")


class Loading:
    """One load into one collection of ``database``."""

    def __init__(
        self, database: Database[Document], load: DocumentLoad, on_rows: Callable[[int], None]
    ) -> None:
        self._database = primary(database)
        self._load = load
        self._on_rows = on_rows
        self._books = Books(self._database)
        self._token = token_of(load)
        self._name = load.table.table

    def load(self, session: duckdb.DuckDBPyConnection, query: str) -> LoadResult:
        """Raises ``LoadRefused``; an error of ``query`` is raised as DuckDB raised it."""
        with Lock(self._database, self._name, self._token, lambda: self._on_rows(0)) as lock:
            self._finish_others()
            decided = self._books.entry(self._token)
            entry = decided or self._decide(session, query, lock)
            if entry["state"] == "staged":
                self._place(entry)
            return LoadResult(entry["rows"], was_applied_before=decided is not None)

    def _finish_others(self) -> None:
        """Loads whose processes died after they were decided."""
        from pymongo.errors import OperationFailure

        for entry in self._books.unfinished(self._name):
            if entry["_id"] != self._token:
                try:
                    self._place(entry)
                except OperationFailure as error:
                    if not is_refusal(error):
                        raise
        for name in self._database.list_collection_names():
            if name.startswith(self._staged_names):
                mine = self._books.entry(self._token)
                if not mine or mine["staged"] != name:
                    self._database.drop_collection(name)

    def _decide(self, session: duckdb.DuckDBPyConnection, query: str, lock: Lock) -> Document:
        staged = self._made_staged()
        try:
            rows = self._stage(session, query, staged, lock)
            lock.check()
            details = {
                "staged": staged.name,
                "keys": list(self._load.keys),
                "has_id": "_id" in self._load.columns,
            }
            return self._books.decide(self._load, rows, details)
        except BaseException:
            staged.drop()
            raise

    def _made_staged(self) -> Collection[Document]:
        """An empty collection that refuses what the target would refuse."""
        name = self._staged_names + uuid.uuid4().hex[:8]
        found = list(self._database.list_collections(filter={"name": self._name}))
        options = found[0].get("options", {}) if found else {}
        has_rules = self._load.mode != "upsert"  # its rows are parts of documents
        rules = {rule: options[rule] for rule in _RULES if rule in options and has_rules}
        staged = self._database.create_collection(name, **rules)
        if found and has_rules:
            only_unique = self._load.mode != "replace"
            copy_indexes(self._database[self._name], staged, only_unique=only_unique)
        if self._load.mode == "upsert" and self._load.keys != ("_id",):
            keys = [(key, 1) for key in self._load.keys]
            staged.create_index(keys, unique=True, name=_KEYS_INDEX)
        return staged

    def _stage(
        self,
        session: duckdb.DuckDBPyConnection,
        query: str,
        staged: Collection[Document],
        lock: Lock,
    ) -> int:
        from pymongo.errors import BulkWriteError

        rows = 0
        for batch in documents(session, query, self._load):
            self._refuse_null_keys(batch)
            try:
                staged.insert_many(batch, ordered=False)
            except BulkWriteError as error:
                raise self._explained(error) from error
            rows += len(batch)
            lock.check()
            self._on_rows(rows)
        return rows

    def _refuse_null_keys(self, batch: Sequence[Document]) -> None:
        for key in self._load.keys:
            if any(_at(document, key) is None for document in batch):
                raise LoadRefused(
                    f"a row has NULL in key '{key}', by which no document can be found; "
                    "nothing was loaded; filter such rows out before"
                )

    def _explained(self, error: BulkWriteError) -> BulkWriteError | LoadRefused:
        refusal = (error.details.get("writeErrors") or [{}])[0]
        is_key = _KEYS_INDEX in str(refusal.get("errmsg")) or (
            self._load.mode == "upsert" and self._load.keys == ("_id",)
        )
        if refusal.get("code") != 11_000 or not is_key:
            return error
        document = refusal.get("op") or {}
        found = ", ".join(f"{key} = '{_at(document, key)}'" for key in self._load.keys)
        return LoadRefused(
            f"several rows have the key {found}, and an upsert into collection '{self._name}' "
            "takes one row of each key; deduplicate the rows by it before",
            code="E_LOAD_KEY_REPEATED",
        )

    def _place(self, entry: Document) -> None:
        from pymongo.errors import OperationFailure

        try:
            place(self._database, entry)
        except OperationFailure as error:
            if is_refusal(error):
                self._books.forget(entry)
                self._database.drop_collection(entry["staged"])
            raise
        self._books.finish(entry)
        self._database.drop_collection(entry["staged"])

    @property
    def _staged_names(self) -> str:
        """How the staged collections of this target begin."""
        return f"{_STAGED}{hashlib.sha256(self._name.encode()).hexdigest()[:12]}_"


def _at(document: Document, path: str) -> Any:
    value: Any = document
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
