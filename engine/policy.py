"""What the operator of this host lets connections reach; said by its environment, not by teams."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path

#: Names the folders under which files may be read and written, separated by colons.
FILE_ROOTS = "FLOWADMIN_FILE_ROOTS"
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
