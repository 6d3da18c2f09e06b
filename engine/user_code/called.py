"""The process of a node of kind ``python``: called with its folder and its parent's pid.

Reads ``given.json``, ``in.arrow`` and ``expected.arrow``; writes ``out.arrow`` or
``error.json``. Imports nothing of FlowAdmin: it is started by its path, isolated.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import pyarrow as pa

_CODE = "<the node's code>"
_PR_SET_PDEATHSIG = 1


class Unfit(Exception):
    """What came back is not what was declared."""


def main(folder: Path, parent: int) -> int:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return 1
    given = json.loads((folder / "given.json").read_text())
    bound = (_data_bytes() + given["memory_mb"] * 2**20,) * 2
    resource.setrlimit(resource.RLIMIT_DATA, bound)
    try:
        transform(folder, given["code"])
    except BaseException as error:  # noqa: BLE001 — whatever a user's code raises
        is_memory = isinstance(error, MemoryError)
        told = {"code": "E_MEMORY" if is_memory else "E_CODE", "message": in_words(error, given)}
        (folder / "error.json").write_text(json.dumps(told))
        return 1
    return 0


def transform(folder: Path, code: str) -> None:
    names: dict[str, Any] = {"__name__": "node"}
    exec(compile(code, _CODE, "exec"), names)  # noqa: S102 — what the kind is for
    function = names.get("transform")
    if not callable(function):
        raise Unfit("it defines no function 'transform(table)'; define one")
    with pa.memory_map(str(folder / "in.arrow")) as file:
        made = function(pa.ipc.open_stream(file).read_all())
        with pa.memory_map(str(folder / "expected.arrow")) as shape:
            expected = pa.ipc.open_stream(shape).schema
        table = fitted(made, expected)
        with (
            pa.OSFile(str(folder / "out.arrow"), "wb") as sink,
            pa.ipc.new_stream(sink, expected) as out,
        ):
            out.write_table(table)


def fitted(made: Any, expected: pa.Schema) -> pa.Table:
    """``made`` with the declared columns and types. Raises ``Unfit``."""
    if isinstance(made, pa.RecordBatchReader):
        made = made.read_all()
    if isinstance(made, pa.RecordBatch):
        made = pa.Table.from_batches([made])
    if not isinstance(made, pa.Table):
        raise Unfit(f"transform returned a {type(made).__name__}; return a pyarrow.Table")
    if sorted(made.column_names) != sorted(expected.names):
        found, wanted = ", ".join(made.column_names), ", ".join(expected.names)
        raise Unfit(f"transform returned the columns {found}; declared are {wanted}")
    return pa.table([_cast(made[field.name], field) for field in expected], schema=expected)


def _cast(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    try:
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise Unfit(
            f"column '{field.name}' was returned as {column.type} and is declared as "
            f"{field.type}: {str(error).splitlines()[0]}"
        ) from error


def in_words(error: BaseException, given: dict[str, Any]) -> str:
    """What was raised, and in which line of the user's code."""
    if isinstance(error, Unfit):
        return str(error)
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, SyntaxError):
        line = error.lineno
    else:
        frames = traceback.extract_tb(error.__traceback__)
        line = next((f.lineno for f in reversed(frames) if f.filename == _CODE), None)
    lines = given["code"].splitlines()
    if line is None or not 0 < line <= len(lines):
        return text
    return f"{text} (line {line}: {lines[line - 1].strip()})"


def _data_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:"))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
