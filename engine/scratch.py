"""A run's folder for what does not fit into memory.

A run that is killed cannot clean up. Each folder holds a file that its process keeps locked,
so that the next run on this machine sees which folders are nobody's, and removes them.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from pathlib import Path

_PREFIX = "flowadmin-run-"
_LOCK = "lock"


class Scratch:
    """A new folder, at ``path`` until ``close``; open ones keep theirs, dead ones lose it."""

    def __init__(self, parent: Path | None = None) -> None:
        parent = parent or Path(tempfile.gettempdir())
        remove_dead(parent)
        # Under another name until it is locked: nobody may take it for a dead one.
        draft = Path(tempfile.mkdtemp(prefix="flowadmin-new-", dir=parent))
        self._lock = (draft / _LOCK).open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.path = draft.rename(parent / draft.name.replace("flowadmin-new-", _PREFIX))

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def remove_dead(parent: Path) -> None:
    """Remove the folders in ``parent`` whose process has ended."""
    for folder in parent.glob(f"{_PREFIX}*"):
        if _is_dead(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_dead(folder: Path) -> bool:
    try:
        with (folder / _LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False  # in use, somebody else's, or gone by now
    return True
