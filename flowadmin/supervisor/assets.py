"""Static files are collected again only when one of them or a package has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[2]


def are_collected(home: Path) -> bool:
    """Whether what was collected is what there is now."""
    stamp = _stamp(home)
    return stamp.exists() and stamp.read_text() == _fingerprint()


def remember(home: Path) -> None:
    """Call when they have been collected."""
    _stamp(home).write_text(_fingerprint())


def _stamp(home: Path) -> Path:
    return home / "static" / ".collected"


def _fingerprint() -> str:
    facts = hashlib.sha256((_REPOSITORY / "requirements.txt").read_bytes())
    for path in _own_files():
        facts.update(f"{path} {path.stat().st_mtime_ns}\n".encode())
    return facts.hexdigest()


def _own_files() -> Iterator[Path]:
    # Not those of hidden folders: what was collected lies in one of them.
    for folder in (_REPOSITORY / "static", *sorted(_REPOSITORY.glob("[!.]*/static"))):
        yield from sorted(path for path in folder.rglob("*") if path.is_file())
