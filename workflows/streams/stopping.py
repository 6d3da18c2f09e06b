"""Hears that the server is about to stop.

Servers ask an application to shut down once all its connections have ended; streams end only
because they were told. What the server itself does about the signal it still does.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from types import FrameType


def call_on_stop(act: Callable[[], object]) -> None:
    """Let the running event loop call ``act`` at SIGTERM or SIGINT; for the main thread."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _also(act, loop, signal.getsignal(number)))


def _also(
    act: Callable[[], object], loop: asyncio.AbstractEventLoop, before: object
) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(act)
        if callable(before):
            before(number, frame)

    return handle
