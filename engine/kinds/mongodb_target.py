"""``mongodb_target``: rows into documents of a collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from engine.columns.family import Family, family_of
from engine.configuring import SettingError
from engine.issue import Issue, Severity
from engine.kind import NodeConfig, Target
from engine.media.documents import DocumentLoad, path_refusal
from engine.schema import Column, Schema
from engine.suggestion import unknown
from engine.transfer import Load, TableName


class TargetField(NodeConfig):
    column: str = Field(
        title="Column",
        description="The column that arrives.",
        min_length=1,
        json_schema_extra={"format": "column"},
    )
    target: str = Field(
        "",
        title="Path",
        description="The field it is written to; dots lead into nested documents. "
        "Empty for the column's own name.",
        json_schema_extra={"format": "target-column"},
    )
    store_as: Literal["", "objectid", "json"] = Field(
        "",
        title="Store as",
        description="objectid for text of 24 hexadecimal digits, json for text that is JSON; "
        "empty for the type that the column has.",
    )

    @property
    def path(self) -> str:
        return self.target or self.column


class MongodbTargetConfig(NodeConfig):
    connection: str = Field(
        title="Connection",
        description="The connection to write to.",
        min_length=1,
        json_schema_extra={"format": "connection"},
    )
    collection: str = Field(
        title="Collection",
        description="The collection to write to; it is made if it is not there.",
        min_length=1,
        max_length=200,
        json_schema_extra={"format": "table"},
    )
    mode: Literal["append", "replace", "upsert", "delete_insert"] = Field(
        "append",
        title="Mode",
        description=(
            "append adds a document per row; replace puts the documents in the place of all there "
            "are; upsert changes the fields of the documents whose key is there and adds the "
            "others; delete_insert deletes the documents whose key arrives, then adds what arrived."
        ),
    )
    keys: list[str] = Field(
        [],
        title="Keys",
        description="Fields that identify a document; for upsert and delete_insert only.",
        json_schema_extra={"format": "target-column"},
    )
    columns: list[TargetField] = Field(
        [],
        title="Columns",
        description="Which column goes where; empty for all columns by their own names.",
    )

    @model_validator(mode="after")
    def _collection_is_a_name(self) -> Self:
        if self.collection.startswith(("system.", "flowadmin_")) or "$" in self.collection:
            message = (
                f"collection '{self.collection}' is not for rows: names with '$', 'system.' and "
                "'flowadmin_' are taken; choose another name"
            )
            raise SettingError(message, field="collection")
        return self

    @model_validator(mode="after")
    def _keys_fit_the_mode(self) -> Self:
        needs_keys = self.mode in ("upsert", "delete_insert")
        if needs_keys and not self.keys:
            message = f"mode '{self.mode}' needs keys; name the fields that identify a document"
            raise SettingError(message, field="keys", code="setting_missing")
        if self.keys and not needs_keys:
            message = f"mode '{self.mode}' uses no keys; remove them, or choose 'upsert'"
            raise SettingError(message, field="keys")
        for index, key in enumerate(self.keys):
            if key in self.keys[:index]:
                message = f"key '{key}' is named twice; leave one out"
                raise SettingError(message, field=f"keys.{index}", code="duplicate_column")
        return self

    @model_validator(mode="after")
    def _paths_are_sound(self) -> Self:
        taken: list[str] = []
        for index, column in enumerate(self.columns):
            field = f"columns.{index}.target"
            if reason := path_refusal(column.path):
                raise SettingError(reason, field=field, code="path_invalid")
            for other in taken:
                if _overlap(other, column.path):
                    message = f"fields '{other}' and '{column.path}' overlap; rename one of them"
                    raise SettingError(message, field=field, code="duplicate_column")
            taken.append(column.path)
        return self


class MongodbTarget(Target[MongodbTargetConfig]):
    """Write rows into the documents of a collection, each exactly once."""

    slug, label, group, icon = "mongodb_target", "MongoDB target", "Documents", "file_json"
    medium = "documents"
    Config = MongodbTargetConfig
    example = {
        "connection": "shop",
        "collection": "customers",
        "mode": "upsert",
        "keys": ["customer_id"],
        "columns": [
            {"column": "id", "target": "customer_id"},
            {"column": "tags", "store_as": "json"},
        ],
    }

    def table(self, config: MongodbTargetConfig) -> TableName:
        return TableName("", config.collection)

    def creates(self, config: MongodbTargetConfig) -> bool:
        return True

    def mapping(
        self, config: MongodbTargetConfig, rows: Schema, table: Sequence[Column]
    ) -> Mapping[str, str]:
        """Path → input column. Columns that do not arrive are left out; ``check`` reports them."""
        if not config.columns:
            return {name: name for name in rows.names}
        pairs = ((column.path, rows.find(column.column)) for column in config.columns)
        return {path: origin.name for path, origin in pairs if origin}

    def keys(self, config: MongodbTargetConfig, table: Sequence[Column]) -> tuple[str, ...]:
        return tuple(config.keys)

    def load(self, config: MongodbTargetConfig, load: Load) -> DocumentLoad:
        return DocumentLoad.of(load, {c.path: c.store_as for c in config.columns if c.store_as})

    def check(
        self, config: MongodbTargetConfig, rows: Schema, table: Sequence[Column]
    ) -> Iterable[Issue]:
        """``table`` has the fields of the collection's unique indexes; none if it is not there."""
        for index, column in enumerate(config.columns):
            if rows.find(column.column) is None:
                message = unknown("column", column.column, rows.names)
                yield _issue("unknown_column", message, f"columns.{index}.column")
        mapping = self.mapping(config, rows, table)
        yield from _check_paths(config, mapping)
        yield from _check_keys(config, mapping, table)
        yield from _check_types(config, mapping, rows)


def _check_paths(config: MongodbTargetConfig, mapping: Mapping[str, str]) -> Iterable[Issue]:
    if not config.columns:
        for path in mapping:
            if reason := path_refusal(path):
                yield _issue("path_invalid", reason, "columns")
    if config.mode in ("append", "delete_insert") and "_id" in mapping and config.keys != ["_id"]:
        message = (
            f"mode '{config.mode}' gives each document an _id of its own, so that a retry adds "
            "nothing twice; write the column to another field, or upsert by the key '_id'"
        )
        yield _issue("id_not_ours", message, "columns")
    nested = [path for path in mapping if "." in path]
    if config.mode == "upsert" and nested:
        message = (
            f"an upsert would put a new document in the place of all of "
            f"'{nested[0].split('.')[0]}'; write outermost fields, or choose 'delete_insert'"
        )
        yield _issue("path_nested", message, "columns")


def _check_keys(
    config: MongodbTargetConfig, mapping: Mapping[str, str], table: Sequence[Column]
) -> Iterable[Issue]:
    for index, key in enumerate(config.keys):
        if key not in mapping:
            message = f"no column is written to key '{key}'; choose the column that fills it"
            yield _issue("key_not_mapped", message, f"keys.{index}")
    unique: dict[str, set[str]] = {}
    for column in table:
        for name in column.unique_in:
            unique.setdefault(name, set()).add(column.name)
    if config.mode == "upsert" and table and set(config.keys) not in unique.values():
        known = "; ".join(", ".join(sorted(names)) for names in unique.values())
        message = (
            f"collection '{config.collection}' has no unique index on exactly "
            f"({', '.join(config.keys)}), by which an upsert finds the document to change; it has "
            f"one on: {known}; create one, or choose 'delete_insert'"
        )
        yield _issue("key_not_unique", message, "keys")


def _check_types(
    config: MongodbTargetConfig, mapping: Mapping[str, str], rows: Schema
) -> Iterable[Issue]:
    for place, column in enumerate(config.columns):
        arrived = rows.find(column.column)
        if arrived and column.store_as and family_of(arrived.type) is not Family.TEXT:
            message = (
                f"column '{arrived.name}' is {arrived.type}, and only text can be stored as "
                f"{column.store_as}; leave 'store_as' empty, or cast it in a select node before"
            )
            yield _issue("type_not_storable", message, f"columns.{place}.store_as")
    for name in mapping.values():
        arrived = rows.find(name)
        if arrived and arrived.type.startswith("TIMESTAMP") and not _is_whole(arrived):
            message = (
                f"column '{name}' may have parts of milliseconds, and MongoDB's dates do not; "
                "they are cut off"
            )
            yield _issue("timestamp_cut", message, "columns", Severity.WARNING)


def _is_whole(column: Column) -> bool:
    """Whether its moments are whole milliseconds by their type, or come from MongoDB."""
    return column.type in ("TIMESTAMP_S", "TIMESTAMP_MS") or column.native_type == "date"


def _overlap(one: str, other: str) -> bool:
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def _issue(code: str, message: str, field: str, severity: Severity = Severity.ERROR) -> Issue:
    return Issue(code=code, message=message, field=field, severity=severity)


KIND = MongodbTarget
