"""The connections of one process, and the one poller that feeds them all.

The poller works while somebody listens. It looks once a second, in a thread of its own, and
at once when somebody new comes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from django.db import Error as DatabaseError

from workflows.streams.audience import Login
from workflows.streams.shown import Shown
from workflows.streams.watcher import Watcher

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
#: So many are told at a time, with a pause after them: other requests are served in between.
_TOLD_AT_ONCE = 25
_PAUSE_SECONDS = 0.002


class Gone(Exception):
    """The connection ends: ``is_refused`` when the viewer has lost the right to look."""

    def __init__(self, *, is_refused: bool) -> None:
        self.is_refused = is_refused


class Listener:
    """One connection. What it has not yet taken is replaced by what is newer."""

    def __init__(self, login: Login, known: str = "") -> None:
        self.login = login
        #: ``Shown.id`` of what the browser shows.
        self.known = known
        self._shown: Shown | None = None
        self._end: Gone | None = None
        self._news = asyncio.Event()

    def show(self, shown: Shown) -> None:
        self._shown = shown
        if shown.id != self.known:
            self._news.set()

    def end(self, *, is_refused: bool) -> None:
        self._end = Gone(is_refused=is_refused)
        self._news.set()

    async def news(self) -> bytes:
        """Wait for what the browser does not show yet. Raises Gone."""
        message = b""
        while not message:
            await self._news.wait()
            if self._end:
                raise self._end
            self._news.clear()
            assert self._shown is not None
            message = self._shown.message(self.known)
            self.known = self._shown.id
        return message


class Hub:
    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._listeners: set[Listener] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="streams")
        self._poller: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._is_closed = False

    def join(self, listener: Listener) -> None:
        if self._is_closed:
            listener.end(is_refused=False)
            return
        self._listeners.add(listener)
        self._wake.set()
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll())

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    def end_all(self) -> None:
        """End every connection, and any that comes; browsers turn to whoever serves next."""
        self._is_closed = True
        for listener in self._listeners:
            listener.end(is_refused=False)
        self._listeners.clear()
        self._wake.set()

    async def close(self) -> None:
        self.end_all()
        if self._poller:
            await self._poller
        self._thread.shutdown()

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        while self._listeners:
            self._wake.clear()
            present = frozenset(self._listeners)
            try:
                shown = await loop.run_in_executor(
                    self._thread, self._watcher.look, {listener.login for listener in present}
                )
            except DatabaseError as error:
                log.warning("the database does not answer, live pages stand still: %s", error)
                await loop.run_in_executor(self._thread, self._watcher.close)
            except Exception:
                # Without its poller the process would never show anything again.
                log.exception("live pages stand still")
            else:
                await self._hand_out(present, shown)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS)
        self._poller = None
        await loop.run_in_executor(self._thread, self._watcher.close)

    async def _hand_out(self, present: frozenset[Listener], shown: Mapping[Login, Shown]) -> None:
        for number, listener in enumerate(present, 1):
            self._tell(listener, shown.get(listener.login))
            if number % _TOLD_AT_ONCE == 0:
                await asyncio.sleep(_PAUSE_SECONDS)

    def _tell(self, listener: Listener, shown: Shown | None) -> None:
        if shown is None:
            listener.end(is_refused=True)
            self.leave(listener)
        else:
            listener.show(shown)
