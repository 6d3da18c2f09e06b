from __future__ import annotations

from typing import Any

import pytest

from engine.graph import parse_configs
from engine.plan import Step
from engine.registry import kinds


def findings(kind: str, **config: Any) -> list[tuple[str, str]]:
    config = {"connection": "exchange", "path": "a.csv"} | config
    step = Step(key="node", name="node", kind=kind, config=config)
    return [(issue.code, issue.field) for issue in parse_configs([step], kinds())[1]]


@pytest.mark.parametrize("kind", ["file_source", "file_target"])
@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "a\\b", "a\nb", ".x", "a//b"])
def test_a_path_that_could_lead_out_is_an_issue(kind: str, path: str) -> None:
    assert findings(kind, path=path) == [("path_invalid", "path")]


def test_a_pattern_is_for_reading_only() -> None:
    assert findings("file_source", path="2026/*.csv") == []
    assert findings("file_target", path="2026/*.csv") == [("path_invalid", "path")]


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"format": "jsonl"}, "columns"),
        ({"header": False}, "columns"),
        ({"format": "parquet", "columns": [{"name": "a"}]}, "columns"),
        ({"columns": [{"name": "a", "type": "blob[]"}]}, "columns.0.type"),
        ({"columns": [{"name": "a"}, {"name": "A"}]}, "columns.1.name"),
        ({"delimiter": ";;"}, "delimiter"),
    ],
)
def test_a_source_that_would_have_to_guess_is_an_issue(config: dict[str, Any], field: str) -> None:
    ((_, found),) = findings("file_source", **config)
    assert found == field


def test_a_partition_named_twice_is_an_issue() -> None:
    found = findings("file_target", partition_by=["a", "A"])
    assert found == [("duplicate_column", "partition_by.1")]
