"""What the operator of this host allows; said by its environment, not by teams."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path

from engine.errors import PlanError

#: Names the folders under which files may be read and written, separated by colons.
FILE_ROOTS = "FLOWADMIN_FILE_ROOTS"
#: Lets nodes of kind ``python`` run here; they can do whatever the worker's user can.
ALLOW_PYTHON = "FLOWADMIN_ALLOW_PYTHON"
#: Names (``*.corp.example``) and networks that may be reached though they are not public,
#: separated by commas.
INTERNAL_HOSTS = "FLOWADMIN_INTERNAL_HOSTS"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def file_roots() -> tuple[Path, ...]:
    """Folders under which connections to files may lie; none = no files at all."""
    parts = os.environ.get(FILE_ROOTS, "").split(":")
    return tuple(Path(part.strip()).resolve() for part in parts if part.strip().startswith("/"))


def internal_hosts() -> tuple[list[str], list[Network]]:
    """Names in small letters, and networks; both empty = public addresses only."""
    names: list[str] = []
    networks: list[Network] = []
    for part in filter(None, map(str.strip, os.environ.get(INTERNAL_HOSTS, "").split(","))):
        try:
            networks.append(ipaddress.ip_network(part, strict=False))
        except ValueError:
            names.append(part.casefold())
    return names, networks


#: Names how many rows of each node a run keeps to show; 0 = none.
SAMPLE_ROWS = "FLOWADMIN_SAMPLE_ROWS"
_MOST_SAMPLE_ROWS = 100


def sample_rows() -> int:
    """Rows of each node that a run keeps to show."""
    text = os.environ.get(SAMPLE_ROWS, "").strip()
    return min(int(text), _MOST_SAMPLE_ROWS) if text.isdigit() else 20


def refuse_python() -> None:
    """Raise ``PlanError`` unless this host's operator lets teams run code of their own."""
    if os.environ.get(ALLOW_PYTHON, "").lower() not in ("1", "true", "yes"):
        raise PlanError(
            f"this worker runs no Python of users, because {ALLOW_PYTHON} is not set to true; let "
            "its operator set it, or use other nodes",
            code="E_NOT_ALLOWED",
        )
