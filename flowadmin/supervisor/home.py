"""The folder in which a FlowAdmin keeps its state: keys, logs, what runs and where."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cryptography.fernet import Fernet
from dotenv import dotenv_values


class AlreadyRunning(Exception):
    """Another supervisor holds this home."""


@dataclass(frozen=True, slots=True)
class Home:
    path: Path

    @property
    def keys(self) -> Path:
        """Private keys of the pools: ``<pool>.key``."""
        return self.path / "keys"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def pids(self) -> Path:
        return self.path / "pids"

    def make(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        for folder in (self.keys, self.logs, self.pids):
            folder.mkdir(mode=0o700, exist_ok=True)

    def secrets(self) -> dict[str, str]:
        """Passwords and keys of this home, made when they are first asked for."""
        path = self.path / "secrets.env"
        known = _read(path)
        complete = _new_secrets() | known
        if complete != known:
            write_private(path, complete)
        return complete

    def write_runtime(self, values: Mapping[str, str]) -> None:
        """What ``manage.py`` reads when it is called beside a running stack."""
        write_private(self.path / "runtime.env", values)

    def lock(self, note: str) -> IO[str]:
        """Hold this home for as long as the returned file is open.

        Raises AlreadyRunning, with the note of the process that holds it.
        """
        lock = (self.path / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            holder = lock.read().strip()
            lock.close()
            raise AlreadyRunning(
                f"FlowAdmin already runs in '{self.path}' ({holder}): stop it, "
                "or set FLOWADMIN_HOME and the ports to run a second one"
            ) from error
        lock.truncate(0)
        lock.write(note)
        lock.flush()
        return lock


def write_private(path: Path, values: Mapping[str, str]) -> None:
    """Replace the file in one step; nobody else can read it at any moment."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines(f"{name}='{value}'\n" for name, value in sorted(values.items()))
    draft.replace(path)


def _read(path: Path) -> dict[str, str]:
    return {name: value for name, value in dotenv_values(path).items() if value is not None}


def _new_secrets() -> dict[str, str]:
    return {
        "POSTGRES_PASSWORD": secrets.token_hex(16),
        "REDIS_PASSWORD": secrets.token_hex(16),
        "PREFECT_API_AUTH_STRING": f"flowadmin:{secrets.token_hex(16)}",
        "FLOWADMIN_SECRET_KEY": secrets.token_urlsafe(50),
        "FLOWADMIN_SECRET_KEYS": Fernet.generate_key().decode(),
    }
