"""From paths to files: resolved anew at each use, and never outside the connection's folder."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine.connectors.files.config import FilesConfig
from engine.errors import AccessDenied, ConnectorError, TableNotFound, Unreachable
from engine.media.files import HeldFile, path_refusal
from engine.policy import FILE_ROOTS, file_roots
from engine.suggestion import nearest_to

#: Where loads keep their books, in the connection's folder; hidden, as nodes cannot name it.
BOOKS = ".flowadmin"


@dataclass(frozen=True, slots=True)
class LocalFile:
    root: Path
    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(self.root).as_posix()

    @property
    def location(self) -> str:
        return str(self.path)

    def open(self) -> BinaryIO:
        return self.path.open("rb")


def root_of(config: FilesConfig) -> Path:
    """The connection's folder, if the operator allows it and it is there."""
    allowed = file_roots()
    if not allowed:
        raise AccessDenied(
            f"no files may be used on this host, because {FILE_ROOTS} is not set; let its operator "
            "set it to the folders that may be, separated by colons"
        )
    root = Path(config.root).resolve()
    if not any(root.is_relative_to(folder) for folder in allowed):
        raise AccessDenied(
            f"folder '{config.root}' is not one that {FILE_ROOTS} allows on this host; choose one "
            "that it allows, or let the host's operator add it"
        )
    if not root.is_dir():
        raise Unreachable(
            f"there is no folder '{config.root}' on this host; create it, or mount what holds it"
        )
    return root


def find(root: Path, path: str) -> list[LocalFile]:
    """Files that ``path``, a name or a pattern, stands for; sorted, and at least one."""
    _refuse(path_refusal(path, is_pattern=True))
    found = sorted(root.glob(path)) if glob.has_magic(path) else [root / path]
    inside = [_resolved(root, place) for place in found if not _is_hidden(root, place)]
    files = [LocalFile(root, place) for place in inside if place.is_file()]
    if not files:
        raise _missing(root, path)
    return files


def to_write(root: Path, path: str) -> Path:
    """Where ``path`` is to be written; no part of it may be a link."""
    _refuse(path_refusal(path))
    place = root / path
    if place.resolve() != place:
        raise AccessDenied(f"path '{path}' leads through a link; write to the real folder instead")
    return place


def held(root: Path, path: str) -> list[HeldFile]:
    """What is at ``path``, or below it, where a load would write."""
    found = to_write(root, path)
    places = sorted(found.rglob("*")) if found.is_dir() else [found]
    return [
        HeldFile(place.relative_to(root).as_posix(), place.stat().st_size)
        for place in places
        if place.is_file()
    ]


def listed(root: Path) -> Iterator[str]:
    """Names of all files that nodes can read, relative to ``root``."""
    for place in sorted(root.rglob("*")):
        if place.is_file() and not place.is_symlink() and not _is_hidden(root, place):
            yield place.relative_to(root).as_posix()


def _resolved(root: Path, place: Path) -> Path:
    resolved = place.resolve()
    name = place.relative_to(root).as_posix()
    if not resolved.is_relative_to(root) or _is_hidden(root, resolved):
        raise AccessDenied(f"file '{name}' is a link that leads out of '{root}'; copy the file")
    if any(sign in str(resolved) for sign in "*?["):
        raise ConnectorError(f"file '{name}' has one of * ? [ in its name; rename it")
    return resolved


def _is_hidden(root: Path, place: Path) -> bool:
    return any(part.startswith(".") for part in place.relative_to(root).parts)


def _refuse(reason: str) -> None:
    if reason:
        raise AccessDenied(reason)


def _missing(root: Path, path: str) -> TableNotFound:
    nearest = nearest_to(path, list(listed(root)))
    hint = f"did you mean '{nearest}'?" if nearest else "check the path"
    return TableNotFound(f"there is no file '{path}' in folder '{root}'; {hint}")
