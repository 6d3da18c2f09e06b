"""Calls a user's function on rows, in a child of the run's process; see ``called``.

Rows go and come as Arrow streams in files of the run's folder, so that neither side waits
for the other.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import CodeFailed, EngineError

if TYPE_CHECKING:
    import pyarrow as pa

_CHILD = Path(__file__).with_name("called.py")
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Call:
    """What a function is called with. ``on_wait`` raises when it is no longer wanted."""

    schema: pa.Schema
    rows: Iterable[pa.RecordBatch]
    #: What has to come back.
    expected: pa.Schema
    #: Where files of this call may lie; they stay there until the run has ended.
    folder: Path
    memory_mb: int
    on_wait: Callable[[], None]


def call(code: str, what: Call) -> pa.RecordBatchReader:
    """What ``transform`` in ``code`` makes of the rows. Raises ``CodeFailed``."""
    import pyarrow as pa

    folder = Path(tempfile.mkdtemp(prefix="python-", dir=what.folder))
    _write(folder / "in.arrow", what.schema, what.rows)
    _write(folder / "expected.arrow", what.expected, ())
    (folder / "given.json").write_text(json.dumps({"code": code, "memory_mb": what.memory_mb}))
    status = _run(folder, what.on_wait)
    if status:
        raise _failure(folder, status)
    return pa.ipc.open_stream(pa.memory_map(str(folder / "out.arrow")))


def _write(file: Path, schema: pa.Schema, rows: Iterable[pa.RecordBatch]) -> None:
    import pyarrow as pa

    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, schema) as stream:
        for batch in rows:
            stream.write_batch(batch)


def _run(folder: Path, on_wait: Callable[[], None]) -> int:
    """The exit status; nothing of the child's family is left afterwards."""
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "TMPDIR": str(folder)}
    with (folder / "printed.txt").open("wb") as printed:
        child = subprocess.Popen(  # noqa: S603 — our own file, by its path
            [sys.executable, "-I", str(_CHILD), str(folder), str(os.getpid())],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                return child.wait(_LOOK_SECONDS)
            on_wait()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _failure(folder: Path, status: int) -> EngineError:
    try:
        told: dict[str, Any] = json.loads((folder / "error.json").read_text())
    except (OSError, ValueError):
        ended = f"was ended by signal {-status}" if status < 0 else f"exited with status {status}"
        return CodeFailed(f"the process of its code {ended}; it may have run out of memory")
    return CodeFailed(told["message"], code=told["code"])
