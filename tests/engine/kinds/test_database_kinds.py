from __future__ import annotations

from typing import Any

import pytest

from engine.connector import Extraction, TableName
from engine.graph import parse_configs
from engine.issue import Issue
from engine.kind import Context
from engine.kinds.database_source import DatabaseSource
from engine.kinds.database_target import DatabaseTarget
from engine.plan import Step
from engine.registry import kinds
from engine.schema import Column, Schema


def issues(kind: str, config: dict[str, Any]) -> list[Issue]:
    step = Step(key="node", name="node", kind=kind, config={"connection": "shop"} | config)
    return parse_configs([step], kinds())[1]


def test_a_source_asks_for_what_its_settings_say() -> None:
    config = DatabaseSource.Config.model_validate(
        {"connection": "shop", "schema": "s", "table": "t", "columns": ["id"], "filter": "id > $x"}
    )
    assert DatabaseSource().extraction(config, Context({"x": 1})) == Extraction(
        TableName("s", "t"), columns=("id",), filter="id > $x", parameters={"x": 1}
    )


@pytest.mark.parametrize(
    ("config", "code", "field"),
    [
        ({}, "setting_invalid", "table"),
        ({"table": "t", "sql": "select 1"}, "setting_invalid", "table"),
        ({"sql": "delete from t"}, "sql_not_readonly", "sql"),
        ({"table": "t", "shema": "s"}, "setting_unknown", "shema"),
    ],
)
def test_a_source_reads_a_table_or_one_select(
    config: dict[str, Any], code: str, field: str
) -> None:
    (issue,) = issues("database_source", config)
    assert (issue.code, issue.field) == (code, field)


def test_a_near_miss_of_a_setting_with_an_alias_is_suggested() -> None:
    (issue,) = issues("database_source", {"table": "t", "shema": "s"})
    assert "did you mean 'schema'?" in issue.message


def test_a_target_knows_two_modes() -> None:
    (issue,) = issues("database_target", {"table": "t", "mode": "upsert"})
    assert (issue.code, issue.field) == ("setting_invalid", "mode")
    assert "'append' or 'replace'" in issue.message


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ([], {"ID": "id"}),
        ([{"column": "name", "target": "label"}], {"Label": "name"}),
        ([{"column": "gone", "target": "label"}], {}),
    ],
)
def test_a_target_maps_by_name_or_as_chosen(columns: Any, expected: dict[str, str]) -> None:
    config = DatabaseTarget.Config.model_validate(
        {"connection": "shop", "table": "t", "columns": columns}
    )
    rows = Schema.of([("id", "INTEGER"), ("name", "VARCHAR")])
    table = [Column("ID", "INTEGER"), Column("Label", "VARCHAR")]
    assert DatabaseTarget().mapping(config, rows, table) == expected
