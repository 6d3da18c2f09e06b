from __future__ import annotations

from typing import Any

import pytest

from engine.graph import parse_configs
from engine.issue import Issue
from engine.kind import Context
from engine.kinds.database_source import DatabaseSource
from engine.kinds.database_target import DatabaseTarget
from engine.plan import Step
from engine.registry import kinds
from engine.schema import Column, Schema
from engine.transfer import Extraction, TableName


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


@pytest.mark.parametrize(
    ("config", "code", "field"),
    [
        ({"mode": "merge"}, "setting_invalid", "mode"),
        ({"mode": "upsert"}, "setting_missing", "keys"),
        ({"mode": "delete_insert"}, "setting_missing", "keys"),
        ({"mode": "replace", "keys": ["id"]}, "setting_invalid", "keys"),
    ],
)
def test_a_target_has_keys_where_its_mode_needs_them(
    config: dict[str, Any], code: str, field: str
) -> None:
    (issue,) = issues("database_target", {"table": "t", **config})
    assert (issue.code, issue.field) == (code, field)


TABLE = [Column("ID", "INTEGER", unique_in=("t_pkey",)), Column("Label", "VARCHAR")]


@pytest.mark.parametrize(
    ("keys", "code", "field"),
    [
        (["id"], None, None),
        (["idd"], "unknown_target_column", "keys.0"),
        (["id", "ID"], "duplicate_column", "keys.1"),
        (["id", "label"], "key_not_mapped", "keys.1"),
        (["label"], "key_not_mapped", "keys.0"),
    ],
)
def test_keys_are_columns_that_are_written(keys: list[str], code: str | None, field: str) -> None:
    found = findings(keys)
    assert (code, field) in [(i.code, i.field) for i in found] if code else found == []


def test_an_upsert_by_what_is_not_unique_says_what_is() -> None:
    (issue,) = findings(["label"], ("id", "INTEGER"), ("label", "VARCHAR"))
    assert (issue.code, issue.field) == ("key_not_unique", "keys")
    assert "it has one on: ID" in issue.message


def findings(keys: list[str], *columns: tuple[str, str]) -> list[Issue]:
    config = DatabaseTarget.Config.model_validate(
        {"connection": "shop", "table": "t", "mode": "upsert", "keys": keys}
    )
    rows = Schema.of(columns or [("id", "INTEGER")])
    return list(DatabaseTarget().check(config, rows, TABLE))


def test_a_table_to_be_made_has_the_columns_that_arrive() -> None:
    config = DatabaseTarget.Config.model_validate(
        {"connection": "shop", "table": "t", "mode": "upsert", "keys": ["ID"], "create_table": True}
    )
    rows = Schema.of([("id", "INTEGER"), ("tags", "VARCHAR[]")])
    table = DatabaseTarget().created(config, rows)
    (issue,) = DatabaseTarget().check(config, rows, table)
    assert (issue.code, issue.field) == ("type_not_storable", "create_table")
    assert "column 'tags' (VARCHAR[])" in issue.message


def test_an_incremental_source_needs_a_column_it_has() -> None:
    config = DatabaseSource.Config.model_validate(
        {"connection": "shop", "table": "t", "incremental": {"column": "updated"}}
    )
    rows = Schema.of([("updated_at", "TIMESTAMP")])
    (issue,) = DatabaseSource().check(config, rows, Context())
    assert (issue.code, issue.field) == ("unknown_column", "incremental.column")
