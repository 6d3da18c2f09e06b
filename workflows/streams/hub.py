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
from workflows.streams.watcher import View, Watcher

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class Gone(Exception):
    """The connection ends: ``is_refused`` when the viewer has lost the right to look."""

    def __init__(self, *, is_refused: bool) -> None:
        self.is_refused = is_refused


class Listener:
    """One connection. What it has not yet taken is replaced by what is newer."""

    def __init__(self, login: Login, known: Mapping[str, str]) -> None:
        self.login = login
        #: Slot → hash of what the browser shows.
        self.known = dict(known)
        self._view: View | None = None
        self._end: Gone | None = None
        self._news = asyncio.Event()

    def show(self, view: View) -> None:
        self._view = view
        if any(self.known.get(slot) != mark for slot, mark in _marks(view)):
            self._news.set()

    def end(self, *, is_refused: bool) -> None:
        self._end = Gone(is_refused=is_refused)
        self._news.set()

    async def news(self) -> dict[str, str]:
        """Wait for slots whose content is not what the browser shows. Raises Gone."""
        await self._news.wait()
        if self._end:
            raise self._end
        self._news.clear()
        assert self._view is not None
        changed: dict[str, str] = {}
        for parts in self._view.parts:
            for slot, (mark, content) in parts.items():
                if self.known.get(slot) != mark:
                    self.known[slot] = mark
                    changed[slot] = content
        return changed


def _marks(view: View) -> list[tuple[str, str]]:
    return [(slot, mark) for parts in view.parts for slot, (mark, _) in parts.items()]


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
                views = await loop.run_in_executor(
                    self._thread, self._watcher.look, {listener.login for listener in present}
                )
            except DatabaseError as error:
                log.warning("the database does not answer, live pages stand still: %s", error)
                await loop.run_in_executor(self._thread, self._watcher.close)
            except Exception:
                # Without its poller the process would never show anything again.
                log.exception("live pages stand still")
            else:
                self._hand_out(present, views)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS)
        self._poller = None
        await loop.run_in_executor(self._thread, self._watcher.close)

    def _hand_out(self, present: frozenset[Listener], views: Mapping[Login, View]) -> None:
        for listener in present:
            view = views.get(listener.login)
            if view is None:
                listener.end(is_refused=True)
                self.leave(listener)
            else:
                listener.show(view)
