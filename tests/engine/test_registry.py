from __future__ import annotations

import json
import re
from types import ModuleType

import pytest

from engine import kinds as folder
from engine import registry
from engine.registry import Registry, connectors, kinds


def test_kinds_and_connectors_are_found_in_their_folders() -> None:
    assert {"database_source", "filter", "join"} <= set(kinds())
    assert "postgresql" in connectors()


def test_a_miss_names_what_there_is() -> None:
    with pytest.raises(KeyError, match="unknown kind 'filtr'; known: filter"):
        Registry("kind", {"filter": object()})["filtr"]


def test_modules_without_a_kind_are_passed_over() -> None:
    empty = ModuleType("empty")
    empty.__path__ = []
    assert registry._collect(empty, "KIND", "flowadmin.nothing") == {}


def test_two_kinds_with_one_slug_are_refused_naming_both(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        @staticmethod
        def load() -> type:
            return type("Other", (), {"slug": "filter", "__module__": "third.party"})

    monkeypatch.setattr(registry, "entry_points", lambda group: [Point])
    with pytest.raises(RuntimeError, match=r"engine\.kinds\.filter and in third\.party"):
        registry._collect(folder, "KIND", "flowadmin.kinds")


def test_patterns_name_their_characters() -> None:
    """All of Unicode's letters, a hundred times, are megabytes in every process."""
    entries = {**kinds(), **connectors()}
    schemas = {slug: json.dumps(e.Config.model_json_schema()) for slug, e in entries.items()}
    assert [
        slug for slug, text in schemas.items() if re.search(r'"pattern": "[^"]*\\\\[wds]', text)
    ] == []
