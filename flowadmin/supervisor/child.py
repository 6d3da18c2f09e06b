"""One part while the stack runs: started, watched, started again, stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import deque
from contextlib import suppress

from flowadmin.embedded.part import Part
from flowadmin.supervisor import launching
from flowadmin.supervisor.console import Console
from flowadmin.supervisor.guarding import Guard

#: A service that was never ready ends the start after so many tries.
_TRIES = 3
_LONGEST_PAUSE = 30.0
#: Ran for so many seconds: what happened before is forgiven.
_GOOD_RUN = 60.0
_POLL = 0.1


class PartFailed(Exception):
    """A part that the rest cannot do without did not start."""


class Child:
    """Runs a part until it is told to stop."""

    def __init__(self, part: Part, guard: Guard, console: Console) -> None:
        self.part = part
        self.ready = asyncio.Event()
        self.stopped = asyncio.Event()
        self.gone = asyncio.Event()
        self._guard, self._console = guard, console
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._last_lines: deque[str] = deque(maxlen=12)

    async def keep_running(self) -> None:
        """Until ``stop``. Raises PartFailed when it cannot be brought up."""
        try:
            if self.part.prepare:
                await asyncio.to_thread(self.part.prepare)
            if self.part.once:
                await self._run_once()
            else:
                await self._run_again_and_again()
        finally:
            self.stopped.set()

    async def stop(self) -> None:
        """Ask it to end; after its grace the whole process group is killed."""
        self._stopping.set()
        process = self._process
        if process and process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(self.part.stop_signal)
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.stopped.wait(), self.part.grace_seconds)
        self._kill_group()
        if process:
            await _end_of(process)

    async def _run_once(self) -> None:
        if self._stopping.is_set():
            return
        began = time.monotonic()
        code = await self._run()
        if self._stopping.is_set():
            return
        if code:
            raise PartFailed(self._account_of(code))
        if self.part.after_done:
            self.part.after_done()
        self._announce(began, "done")

    async def _run_again_and_again(self) -> None:
        pause, tries = 1.0, 0
        while not self._stopping.is_set():
            began = time.monotonic()
            code = await self._run()
            if self._stopping.is_set():
                return
            tries = 0 if self.ready.is_set() else tries + 1
            if tries == _TRIES:
                raise PartFailed(self._account_of(code))
            pause = 1.0 if time.monotonic() - began > _GOOD_RUN else pause
            self._console.say(self.part.name, f"ended with {code}; again in {pause:.0f} s")
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(_LONGEST_PAUSE, pause * 2)

    async def _run(self) -> int:
        """One life of the process, from start to exit code."""
        process = self._process = await asyncio.create_subprocess_exec(
            *launching.command(self.part),
            env=launching.variables(self.part),
            cwd=launching.folder(self.part),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=1 << 20,
        )
        self._guard.watch(self.part.name, process.pid)
        reading = asyncio.create_task(self._read(process))
        watching = asyncio.create_task(self._watch())
        code = await _end_of(process)
        watching.cancel()
        self._kill_group()
        # The pipe stays open as long as somebody outside of the group holds it.
        await asyncio.wait([reading], timeout=1)
        reading.cancel()
        self._guard.release(self.part.name, process.pid)
        return code

    async def _watch(self) -> None:
        began = time.monotonic()
        if self.part.once:
            return
        while self.part.is_ready and not await asyncio.to_thread(self.part.is_ready):
            await asyncio.sleep(_POLL)
        self._announce(began, "ready")

    def _announce(self, began: float, word: str) -> None:
        if not self.ready.is_set():
            self._console.say(self.part.name, f"{word} in {time.monotonic() - began:.1f} s")
        self.ready.set()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        show = self._console.show if self.part.once else self._console.relay
        async for raw in process.stdout:
            line = raw.decode(errors="replace").rstrip()
            self._last_lines.append(line)
            show(self.part.name, line)

    def _kill_group(self) -> None:
        if self._process:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _account_of(self, code: int) -> str:
        log = self._console.log_of(self.part.name)
        lines = "".join(f"\n    {line}" for line in self._last_lines)
        return f"{self.part.name} ended with {code}; all it said is in '{log}', at last:{lines}"


async def _end_of(process: asyncio.subprocess.Process) -> int:
    """Its exit code, also while a child of it that lives on holds its output.

    ``process.wait`` alone waits for the output too.
    """
    waiting = asyncio.create_task(process.wait())
    while process.returncode is None:
        await asyncio.wait([waiting], timeout=1)
    waiting.cancel()
    return process.returncode
