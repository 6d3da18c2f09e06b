"""One load at a time per collection, by a document that its holder keeps touching.

No clocks are compared: who waits for the lock sees whether it is touched, and takes it when it
was not for a while. A load whose earlier attempt died takes it over at once.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from engine.errors import ConnectorError

if TYPE_CHECKING:
    from pymongo.database import Database

LOCKS = "flowadmin_locks"
_TOUCHED_EVERY_SECONDS = 2.0
#: Untouched for so long, its holder is taken for dead.
DEAD_SECONDS = 20.0
_WAIT_SECONDS = 0.2


class Lock:
    """A context manager; ``token`` names the load, whichever attempt it is."""

    def __init__(
        self,
        database: Database[dict[str, Any]],
        collection: str,
        token: str,
        on_wait: Callable[[], None],
    ) -> None:
        self._locks = database[LOCKS]
        self._collection = collection
        self._token = token
        self._owner = uuid.uuid4().hex
        self._on_wait = on_wait
        self._released = threading.Event()
        self._is_lost = False
        self._thread = threading.Thread(target=self._touch, name="lock", daemon=True)

    def __enter__(self) -> Lock:
        seen: tuple[str, int] | None = None
        since = time.monotonic()
        while not self._take():
            held = self._locks.find_one({"_id": self._collection})
            state = (held["owner"], held["touched"]) if held else None
            if state != seen:
                seen, since = state, time.monotonic()
            is_dead = time.monotonic() - since > DEAD_SECONDS
            if held and (held["token"] == self._token or is_dead) and self._take_over(held):
                break
            self._on_wait()
            time.sleep(_WAIT_SECONDS)
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        from pymongo.errors import PyMongoError

        self._released.set()
        self._thread.join()
        try:
            self._locks.delete_one({"_id": self._collection, "owner": self._owner})
        except PyMongoError:
            return  # it counts as dead after a while

    def check(self) -> None:
        """Raise if another attempt has taken over."""
        if self._is_lost:
            raise ConnectorError(
                f"another process has taken over the load into collection '{self._collection}', "
                "because this one was silent for too long; it goes on there"
            )

    def _take(self) -> bool:
        from pymongo.errors import DuplicateKeyError

        lock = {"owner": self._owner, "token": self._token, "touched": 0}
        try:
            self._locks.insert_one({"_id": self._collection, **lock})
        except DuplicateKeyError:
            return False
        return True

    def _take_over(self, held: dict[str, Any]) -> bool:
        lock = {"owner": self._owner, "token": self._token, "touched": 0}
        query = {key: held[key] for key in ("_id", "owner", "touched")}
        return self._locks.update_one(query, {"$set": lock}).modified_count == 1

    def _touch(self) -> None:
        from pymongo.errors import PyMongoError

        mine = {"_id": self._collection, "owner": self._owner}
        while not self._released.wait(_TOUCHED_EVERY_SECONDS):
            try:
                touched = self._locks.update_one(mine, {"$inc": {"touched": 1}})
                self._is_lost = touched.matched_count == 0
            except PyMongoError:
                continue  # who waits decides when that was too often
