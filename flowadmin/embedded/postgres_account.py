"""Whom PostgreSQL runs as, and where its files may live: it refuses to run as root."""

from __future__ import annotations

import hashlib
import os
import pwd
import stat
from pathlib import Path

from flowadmin.embedded.part import Account

#: Used when root's home of FlowAdmin is behind a folder that nobody else may enter.
ELSEWHERE = Path("/var/lib/flowadmin")


def account() -> Account | None:
    """An unprivileged account when we are root; None = run as who we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    return Account(65534, 65534)


def folder(home: Path, account: Account | None) -> Path:
    """Where PostgreSQL's files of this home are: inside it if the account can go there."""
    home = home.resolve()
    if can_enter(home, account):
        return home / "postgres"
    return ELSEWHERE / hashlib.sha256(bytes(home)).hexdigest()[:12]


def can_enter(path: Path, account: Account | None) -> bool:
    """Whether the account may pass every folder down to ``path``, as far as they exist."""
    if account is None:
        return os.access(path, os.X_OK) or not path.exists()
    existing = [step for step in (path.resolve(), *path.resolve().parents) if step.exists()]
    return all(_lets_in(step.stat(), account) for step in existing)


def _lets_in(facts: os.stat_result, account: Account) -> bool:
    if facts.st_uid == account.uid:
        return bool(facts.st_mode & stat.S_IXUSR)
    if facts.st_gid == account.gid:
        return bool(facts.st_mode & stat.S_IXGRP)
    return bool(facts.st_mode & stat.S_IXOTH)
