from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.connectors.files import Files
from engine.connectors.files.config import FilesConfig
from engine.registry import kinds
from engine.schema import Column, Schema
from engine.transfer import Extraction, TableName
from workflows.compile import Compilation, ConnectionFacts, compile_workflow
from workflows.definition import Definition

FILES = ConnectionFacts("files", {"root": "/srv"}, medium="files")
SHOP = ConnectionFacts("postgresql", {"host": "db"})


class Folder:
    """A catalog that looks at real files."""

    def __init__(self, root: Path) -> None:
        self._config = FilesConfig(root=str(root))

    def columns(self, connection: str, extraction: Extraction) -> Schema:
        return Files().describe(self._config, extraction)

    def target_columns(self, connection: str, table: TableName) -> Sequence[Column]:
        return Files().target_columns(self._config, table)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setenv("FLOWADMIN_FILE_ROOTS", str(tmp_path))
    (tmp_path / "orders.csv").write_text("id,total\n1,2\n")
    return Folder(tmp_path)


def compiled(folder: Folder, connection: ConnectionFacts, **settings: Any) -> Compilation:
    config = {"connection": "exchange", "path": "out", **settings}
    nodes = [
        {
            "key": "read",
            "kind": "file_source",
            "config": {"connection": "exchange", "path": "orders.csv"},
        },
        {"key": "write", "kind": "file_target", "config": config},
    ]
    edges = [{"source": "read", "target": "write"}]
    given = Definition.model_validate({"name": "w", "nodes": nodes, "dependencies": edges})
    connections = {"exchange": connection}
    return compile_workflow(
        given, workflow_id="w", version=1, connections=connections, catalog=folder, kinds=kinds()
    )


def test_files_are_typed_when_saved(folder: Folder) -> None:
    compilation = compiled(folder, FILES)
    assert compilation.plan
    schema = compilation.schemas["read"]
    assert schema and schema.names == ("id", "total")


def test_a_partition_that_does_not_arrive_is_an_issue(folder: Folder) -> None:
    (issue,) = compiled(folder, FILES, partition_by=["totl"]).issues
    assert (issue.code, issue.node, issue.field) == ("unknown_column", "write", "partition_by.0")


def test_a_connection_to_something_else_is_an_issue_that_names_both(folder: Folder) -> None:
    issues = compiled(folder, SHOP).issues
    assert {(issue.code, issue.node) for issue in issues} == {
        ("connector_mismatch", "read"),
        ("connector_mismatch", "write"),
    }
    assert "'file_source'" in issues[0].message
    assert "'postgresql'" in issues[0].message
