"""What changed from one version to another: by node and field, and as text."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from workers.pages.formats import NOTHING
from workflows.pages.changes import Change

Definition = Mapping[str, Any]
_LONGEST = 120
_MISSING = object()


def version_changes(before: Definition, now: Definition) -> list[Change]:
    """Settings of the workflow, then its nodes, dependencies and schedules."""
    settings = [key for key in {**before, **now} if key not in _PARTS]
    return [
        *_fields("", _only(before, settings), _only(now, settings)),
        *_entries("Node", _keyed(before, "nodes", "key"), _keyed(now, "nodes", "key")),
        *_dependencies(before, now),
        *_entries("Schedule", _keyed(before, "schedules"), _keyed(now, "schedules")),
    ]


_PARTS = ("nodes", "dependencies", "schedules")


def text_diff(before: Definition, now: Definition) -> list[tuple[Literal["+", "-", " "], str]]:
    """The lines of both as JSON with three lines around each change."""
    lines = difflib.unified_diff(_text(before), _text(now), n=3, lineterm="")
    kinds: dict[str, Literal["+", "-", " "]] = {"+": "+", "-": "-"}
    return [
        (kinds.get(line[:1], " "), line[1:])
        for line in lines
        if not line.startswith(("+++", "---", "@@"))
    ]


def _text(definition: Definition) -> list[str]:
    return json.dumps(definition, indent=2, ensure_ascii=False, sort_keys=True).splitlines()


def _only(definition: Definition, keys: list[str]) -> dict[str, Any]:
    return {key: definition[key] for key in keys if key in definition}


def _keyed(definition: Definition, part: str, key: str = "slug") -> dict[str, Mapping[str, Any]]:
    return {entry[key]: entry for entry in definition.get(part, [])}


def _entries(
    what: str, before: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]
) -> Iterator[Change]:
    for key in {**before, **now}:
        title = f"{what} '{key}'"
        if key not in now:
            yield Change(title, _words(before[key].get("kind", "there")), "removed")
        elif key not in before:
            yield Change(title, NOTHING, f"added: {_words(now[key].get('kind', 'new'))}")
        else:
            yield from _fields(f"{title}, ", before[key], now[key])


def _fields(prefix: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    """Settings that differ; a config's settings one by one."""
    for name in {**before, **now}:
        old, new = before.get(name, _MISSING), now.get(name, _MISSING)
        if old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _fields(prefix if name == "config" else f"{prefix}{name} ", old, new)
        else:
            yield Change(f"{prefix}{name.replace('_', ' ')}", _words(old), _words(new))


def _dependencies(before: Definition, now: Definition) -> Iterator[Change]:
    old, new = (set(map(_arrow, one.get("dependencies", []))) for one in (before, now))
    for arrow in sorted(old - new):
        yield Change("Dependency", arrow, "removed")
    for arrow in sorted(new - old):
        yield Change("Dependency", NOTHING, arrow)


def _arrow(edge: Mapping[str, str]) -> str:
    ports = [edge.get("source_port", "out"), edge.get("target_port", "in")]
    source, target = edge["source"], edge["target"]
    out = "" if ports[0] == "out" else f".{ports[0]}"
    into = "" if ports[1] == "in" else f".{ports[1]}"
    return f"{source}{out} → {target}{into}"


def _words(value: Any) -> str:
    if value is _MISSING or value is None or value == "":
        return NOTHING
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
