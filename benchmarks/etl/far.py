"""A network in which each connection is slow, whatever the others do: as across a continent.

``python -m benchmarks.etl.far PORT`` prints the port it listens on, and passes on what it gets.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.stack import REPOSITORY

#: Of what a connection hands back.
BYTES_PER_SECOND = 15_000_000
_PIECE = 256 * 1024


@contextmanager
def far_from(port: int) -> Iterator[int]:
    """A port of this machine behind which ``port`` is far away."""
    command = [sys.executable, "-m", "benchmarks.etl.far", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


async def _serve(port: int) -> None:
    async def meet(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, there = await asyncio.open_connection("127.0.0.1", port, limit=_PIECE)
        await asyncio.gather(_pass(near, there, 0), _pass(far, back, 1 / BYTES_PER_SECOND))

    server = await asyncio.start_server(meet, "127.0.0.1", 0, limit=_PIECE)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _pass(origin: asyncio.StreamReader, to: asyncio.StreamWriter, pause: float) -> None:
    try:
        while piece := await origin.read(_PIECE):
            to.write(piece)
            await to.drain()
            await asyncio.sleep(len(piece) * pause)
    except ConnectionError:
        pass
    finally:
        to.close()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
