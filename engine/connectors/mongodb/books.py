"""What a database knows of the loads into it: the ledger, and how far incremental sources are.

A load is decided by the insertion of its ledger entry, one document: whatever becomes of the
process then, the next one that loads the same collection finishes it. So an entry carries the
watermarks that go with it until they are moved.

States of an entry: ``staged`` (decided, maybe written in part), then ``loaded``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from engine.errors import ConnectorError
from engine.transfer import Load, Watermark

if TYPE_CHECKING:
    from pymongo.database import Database

    Document = dict[str, Any]

LEDGER = "flowadmin_ledger"
WATERMARKS = "flowadmin_watermarks"


def primary(database: Database[dict[str, Any]]) -> Database[dict[str, Any]]:
    """The same database, read where it is written whatever the connection prefers."""
    from pymongo import ReadPreference

    return database.with_options(read_preference=ReadPreference.PRIMARY)


def token_of(load: Load) -> str:
    """Names the load of one node in one run: 24 hexadecimal digits."""
    return hashlib.sha256(f"{load.run_id}/{load.node}".encode()).hexdigest()[:24]


class Books:
    def __init__(self, database: Database[Document]) -> None:
        self._ledger = database[LEDGER]
        self._watermarks = database[WATERMARKS]

    def entry(self, token: str) -> Document | None:
        return self._ledger.find_one({"_id": token})

    def unfinished(self, collection: str) -> list[Document]:
        """Loads into ``collection`` that are decided and not known to be done, oldest first."""
        query = {"collection": collection, "state": "staged"}
        return list(self._ledger.find(query).sort("decided_at", 1))

    def decide(self, load: Load, rows: int, details: Mapping[str, Any]) -> Document:
        """Enter the load; from here on it counts. The entry is another's if that was faster."""
        from pymongo.errors import DuplicateKeyError

        self._refuse_moved(load)
        entry: Document = {
            "_id": token_of(load),
            "run": load.run_id,
            "node": load.node,
            "collection": load.table.table,
            "mode": load.mode,
            "rows": rows,
            "state": "staged",
            "decided_at": datetime.now(UTC),
            "watermarks": [{"_id": _name(mark), **asdict(mark)} for mark in load.watermarks],
            **details,
        }
        try:
            self._ledger.insert_one(entry)
        except DuplicateKeyError:
            return self.entry(entry["_id"]) or entry
        return entry

    def finish(self, entry: Document) -> None:
        """Everything is written: move the watermarks, and never touch the load again."""
        for mark in entry["watermarks"]:
            value = {"scope": mark["scope"], "value": mark["after"], "run": entry["run"]}
            self._watermarks.update_one({"_id": mark["_id"]}, {"$set": value}, upsert=True)
        done = {"state": "loaded", "finished_at": datetime.now(UTC)}
        self._ledger.update_one({"_id": entry["_id"]}, {"$set": done})

    def forget(self, entry: Document) -> None:
        self._ledger.delete_one({"_id": entry["_id"]})

    def watermark(self, mark: Watermark) -> str | None:
        """The value in MongoDB's extended JSON, or whatever the source wrote; a load that is
        decided counts, though its watermark may not be moved yet.
        """
        decided = self._ledger.find_one(
            {"state": "staged", "watermarks._id": _name(mark)}, sort=[("decided_at", -1)]
        )
        pending = decided["watermarks"] if decided else []
        found = next((m for m in pending if m["_id"] == _name(mark)), None)
        if found and found["scope"] == mark.scope:
            return str(found["after"])
        kept = self._watermarks.find_one({"_id": _name(mark), "scope": mark.scope})
        return str(kept["value"]) if kept else None

    def _refuse_moved(self, load: Load) -> None:
        for mark in load.watermarks:
            if self.watermark(mark) != mark.before:
                raise ConnectorError(
                    f"another run has moved the watermark of node '{mark.source}' while this one "
                    "was loading, so nothing was loaded; run it again",
                    code="E_WATERMARK_MOVED",
                )


def _name(mark: Watermark) -> str:
    return f"{mark.workflow_id}/{mark.source}/{mark.target}"
