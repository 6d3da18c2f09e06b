"""What the operator of this host lets connections reach; said by its environment, not by teams."""

from __future__ import annotations

import os
from pathlib import Path

#: Names the folders under which files may be read and written, separated by colons.
FILE_ROOTS = "FLOWADMIN_FILE_ROOTS"


def file_roots() -> tuple[Path, ...]:
    """Folders under which connections to files may lie; none = no files at all."""
    parts = os.environ.get(FILE_ROOTS, "").split(":")
    return tuple(Path(part.strip()).resolve() for part in parts if part.strip().startswith("/"))
