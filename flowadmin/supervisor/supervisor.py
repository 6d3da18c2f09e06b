"""Brings parts up in the order of their needs, and down in the reverse."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence

from flowadmin.embedded.part import Part, is_free
from flowadmin.supervisor.child import Child, PartFailed
from flowadmin.supervisor.console import Console
from flowadmin.supervisor.guarding import Guard

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class PortTaken(Exception):
    """Somebody else listens where a part wants to."""


def check_ports(parts: Sequence[Part]) -> None:
    """Raise PortTaken, which names the setting that moves the part."""
    for part in parts:
        if part.claim and not is_free(part.claim.port):
            raise PortTaken(
                f"port {part.claim.port} for {part.name} is taken by another program: "
                f"stop that, or set {part.claim.setting} to a free port"
            )


class Supervisor:
    """Runs the parts until a signal comes, a part fails for good, or ``goal`` is reached."""

    def __init__(
        self, parts: Sequence[Part], guard: Guard, console: Console, goal: str | None = None
    ) -> None:
        self._children = {part.name: Child(part, guard, console) for part in parts}
        self._console = console
        self._goal = self._children[goal] if goal else None
        self._stopping = asyncio.Event()

    async def run(self) -> int:
        """The exit code: 0 after a signal or a reached goal, 1 after a failure."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._stopping.set)
        lives = [asyncio.create_task(self._live(child)) for child in self._children.values()]
        try:
            failure = await self._wait(lives)
            if failure:
                self._console.say("flowadmin", failure)
        finally:
            await self._stop()
            for life in lives:
                life.cancel()
            await asyncio.gather(*lives, return_exceptions=True)
        return 1 if failure else 0

    async def _live(self, child: Child) -> None:
        for name in child.part.after:
            if name in self._children:
                await self._children[name].ready.wait()
        await child.keep_running()

    async def _wait(self, lives: list[asyncio.Task[None]]) -> str:
        """Until it is time to stop; why, if something went wrong."""
        ends = {asyncio.create_task(self._stopping.wait())}
        if self._goal:
            ends.add(asyncio.create_task(self._goal.ready.wait()))
        pending = {*ends, *lives}
        while pending and not any(end.done() for end in ends):
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done - ends:
                if error := task.exception():
                    if not isinstance(error, (PartFailed, OSError, RuntimeError)):
                        raise error
                    return str(error)
        return ""

    async def _stop(self) -> None:
        began = time.monotonic()
        self._console.say("flowadmin", "stopping")
        await asyncio.gather(*(self._stop_after(child) for child in self._children.values()))
        self._console.say("flowadmin", f"stopped in {time.monotonic() - began:.1f} s")

    async def _stop_after(self, child: Child) -> None:
        """Stop a part once all that need it are gone."""
        for other in self._children.values():
            if child.part.name in other.part.after:
                await other.gone.wait()
        await child.stop()
        child.gone.set()
