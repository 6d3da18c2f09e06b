"""What the operating system allows the process of one run: memory, files, a folder of its own.

DuckDB's own memory limit does not bind the values of scalar functions: ``repeat('x', 1e9)``
takes 2 GB under a limit of 256 MB. Above ``RLIMIT_DATA`` an allocation fails instead, which
ends the node with a reason. ``RLIMIT_AS`` would count what threads only reserve.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.scratch import Scratch

#: Of the plan's memory limit, for what DuckDB does not count, and for everything else.
MEMORY_SHARE = 1.3
OTHER_MEMORY_MB = 200
#: Each node has a thread, and each thread's stack is counted whole, used or not.
_STACK_MB = 8
_OTHER_THREADS = 32
_USUAL_LIMIT_MB = 512
OPEN_FILES = 4_096
#: One file, in bytes: of a target, or spilled.
FILE_BYTES = 200 * 10**9
#: Larger blocks of memory go back to the system when they are freed; in bytes, glibc's default.
MAPPED_BYTES = 128 * 1024
_M_MMAP_THRESHOLD = -3  # <malloc.h>


def confine(plan: Mapping[str, Any]) -> Scratch:
    """Bind this process, for good, to what running ``plan`` may take; its folder.

    The folder is the working directory, and where temporary files are made.
    """
    folder = Scratch()
    os.chdir(folder.path)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder.path)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    _limit(resource.RLIMIT_FSIZE, FILE_BYTES)
    _return_memory()
    if in_use := _data_bytes():
        _limit(resource.RLIMIT_DATA, in_use + memory_mb(plan) * 2**20)
    return folder


def memory_mb(plan: Mapping[str, Any]) -> int:
    """How much more than it was born with the process of a run may allocate.

    The plan was not checked yet: what cannot be understood counts as usual.
    """
    steps, limit = plan.get("steps"), plan.get("memory_limit_mb")
    threads = (len(steps) if isinstance(steps, list) else 0) + _OTHER_THREADS
    limit = limit if isinstance(limit, int) else _USUAL_LIMIT_MB
    return int(limit * MEMORY_SHARE) + OTHER_MEMORY_MB + threads * _STACK_MB


def _return_memory() -> None:
    """Keep glibc from raising its threshold with every block that is freed.

    It would hold on to blocks that other sizes do not fit into: 1 MB for each million rows.
    """
    libc = ctypes.CDLL(None)
    if sys.platform == "linux" and hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, MAPPED_BYTES)


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (bound, bound))


def _data_bytes() -> int:
    """Memory that the process has allocated, shared with its parent or not; 0 = not known."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(x.split()[1]) * 1024 for x in lines if x.startswith("VmData:")), 0)
