"""Many browsers with an open page each, in a process of their own, so that they cost only it."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

_AT_ONCE = 100
_FIRST_EVENT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Crowd:
    """``open_seconds`` = until all had their first event."""

    open_seconds: float
    _orders: Connection

    def events(self) -> int:
        """How many have come to all of them so far."""
        self._orders.send("count")
        number: int = self._orders.recv()
        return number


@contextmanager
def viewers(address: str, cookie: str, tickets: Sequence[str], number: int) -> Iterator[Crowd]:
    """So many, who share the tickets evenly."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_hold, args=(address, cookie, tickets, number, theirs))
    process.start()
    theirs.close()
    try:
        yield Crowd(ours.recv(), ours)
    finally:
        ours.close()
        process.join()


def _hold(
    address: str, cookie: str, tickets: Sequence[str], number: int, orders: Connection
) -> None:
    asyncio.run(_open_and_answer(address, cookie, tickets, number, orders))


async def _open_and_answer(
    address: str, cookie: str, tickets: Sequence[str], number: int, orders: Connection
) -> None:
    began = time.monotonic()
    gate = asyncio.Semaphore(_AT_ONCE)
    crowd = [_Viewer() for _ in range(number)]
    pairs = zip(crowd, itertools.cycle(tickets), strict=False)
    await asyncio.gather(*(one.open(address, ticket, cookie, gate) for one, ticket in pairs))
    orders.send(time.monotonic() - began)
    with suppress(EOFError):
        while await asyncio.to_thread(orders.recv):
            orders.send(sum(viewer.events for viewer in crowd))


class _Viewer:
    """One connection; reads and counts events."""

    events = 0

    async def open(self, address: str, ticket: str, cookie: str, gate: asyncio.Semaphore) -> None:
        """Until the first event has come."""
        host, port = address.split(":")
        async with gate:
            reader, self._writer = await asyncio.open_connection(host, int(port))
            request = f"GET /sse/?ticket={ticket} HTTP/1.1\r\nHost: {address}\r\n"
            self._writer.write(f"{request}Cookie: sessionid={cookie}\r\n\r\n".encode())
            first = asyncio.Event()
            self._reading = asyncio.create_task(self._read(reader, first))
            await asyncio.wait_for(first.wait(), _FIRST_EVENT_SECONDS)

    async def _read(self, reader: asyncio.StreamReader, first: asyncio.Event) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(65536):
                self.events += chunk.count(b"\nid: ") + chunk.startswith(b"id: ")
                if self.events:
                    first.set()
