"""Finds kinds and connectors by scanning their folders, then entry points.

A registry is a plain mapping slug → instance, passed in to compiler and interpreter,
so that a test hands in two kinds and is done.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

from engine import connectors as connectors_folder
from engine import kinds as kinds_folder
from engine.connector import Connector
from engine.kind import AnyKind


class Registry(Mapping[str, Any]):
    """Slug → instance; a miss names what there is."""

    def __init__(self, what: str, entries: Mapping[str, Any]) -> None:
        self._what = what
        self._entries = dict(entries)

    def __getitem__(self, slug: str) -> Any:
        try:
            return self._entries[slug]
        except KeyError:
            known = ", ".join(sorted(self._entries))
            raise KeyError(f"unknown {self._what} '{slug}'; known: {known}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


@cache
def kinds() -> Mapping[str, AnyKind]:
    """Every kind: those in ``engine/kinds``, then entry points ``flowadmin.kinds``."""
    return Registry("kind", _collect(kinds_folder, "KIND", "flowadmin.kinds"))


@cache
def connectors() -> Mapping[str, Connector[Any]]:
    """Every connector: ``engine/connectors``, then entry points ``flowadmin.connectors``."""
    return Registry("connector", _collect(connectors_folder, "CONNECTOR", "flowadmin.connectors"))


def _collect(folder: ModuleType, attribute: str, group: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for cls in (*_scan(folder, attribute), *(point.load() for point in entry_points(group=group))):
        if cls.slug in found:
            other = type(found[cls.slug]).__module__
            raise RuntimeError(f"'{cls.slug}' is defined in {other} and in {cls.__module__}")
        found[cls.slug] = cls()
    return found


def _scan(folder: ModuleType, attribute: str) -> Iterator[Any]:
    for module in pkgutil.iter_modules(folder.__path__, folder.__name__ + "."):
        loaded = importlib.import_module(module.name)
        if hasattr(loaded, attribute):
            yield getattr(loaded, attribute)
