"""``database_target``: rows into a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from engine.columns.assignment import assign
from engine.columns.family import family_of
from engine.configuring import SettingError
from engine.issue import Issue
from engine.kind import NodeConfig, Target
from engine.schema import Column, Schema
from engine.suggestion import unknown
from engine.transfer import TableName


class ColumnTarget(NodeConfig):
    column: str = Field(
        title="Column",
        description="The column that arrives.",
        min_length=1,
        json_schema_extra={"format": "column"},
    )
    target: str = Field(
        title="Target column",
        description="The table's column that it is written to.",
        min_length=1,
        json_schema_extra={"format": "target-column"},
    )


class DatabaseTargetConfig(NodeConfig):
    # ``schema`` is a method of pydantic's, so the field goes by another name in Python.
    model_config = ConfigDict(serialize_by_alias=True)

    connection: str = Field(
        title="Connection",
        description="The connection to write to.",
        min_length=1,
        json_schema_extra={"format": "connection"},
    )
    schema_name: str = Field(
        "",
        alias="schema",
        title="Schema",
        description="The schema the table is in; empty for the database's default.",
        json_schema_extra={"format": "schema"},
    )
    table: str = Field(
        title="Table",
        description="The table to write to.",
        min_length=1,
        json_schema_extra={"format": "table"},
    )
    mode: Literal["append", "replace", "upsert", "delete_insert"] = Field(
        "append",
        title="Mode",
        description=(
            "append adds the rows; replace empties the table before; upsert updates the rows whose "
            "key is there and adds the others; delete_insert deletes the rows whose key arrives, "
            "then adds what arrived."
        ),
    )
    keys: list[str] = Field(
        [],
        title="Keys",
        description="Target columns that identify a row; for upsert and delete_insert only.",
        json_schema_extra={"format": "target-column"},
    )
    create_table: bool = Field(
        False,
        title="Create table",
        description="Create the table with the columns that arrive, if it is not there.",
    )
    inside_database: bool = Field(
        True,
        title="Inside the database",
        description="Let the database move the rows itself where it is also the source's and the "
        "rows are known to be the same.",
    )
    columns: list[ColumnTarget] = Field(
        [],
        title="Columns",
        description="Which column goes where; empty for all columns that go by the same name.",
    )

    @model_validator(mode="after")
    def _keys_fit_the_mode(self) -> Self:
        needs_keys = self.mode in ("upsert", "delete_insert")
        if needs_keys and not self.keys:
            message = f"mode '{self.mode}' needs keys; name the columns that identify a row"
            raise SettingError(message, field="keys", code="setting_missing")
        if self.keys and not needs_keys:
            message = f"mode '{self.mode}' uses no keys; remove them, or choose 'upsert'"
            raise SettingError(message, field="keys")
        return self


class DatabaseTarget(Target[DatabaseTargetConfig]):
    """Write rows into a table, each exactly once."""

    slug, label, group, icon = "database_target", "Database target", "Databases", "save"
    Config = DatabaseTargetConfig
    example = {
        "connection": "warehouse",
        "schema": "public",
        "table": "large_orders",
        "mode": "replace",
        "columns": [{"column": "id", "target": "order_id"}],
    }

    def table(self, config: DatabaseTargetConfig) -> TableName:
        return TableName(config.schema_name, config.table)

    def mapping(
        self, config: DatabaseTargetConfig, rows: Schema, table: Sequence[Column]
    ) -> dict[str, str]:
        """Target column → input column, of ``rows`` into a ``table`` with these columns.

        Chosen pairs with unknown names are left out; ``check`` reports them.
        """
        columns = Schema(tuple(table))
        if config.columns:
            pairs = ((columns.find(p.target), rows.find(p.column)) for p in config.columns)
        else:
            pairs = ((column, rows.find(column.name)) for column in table)
        return {into.name: origin.name for into, origin in pairs if into and origin}

    def creates(self, config: DatabaseTargetConfig) -> bool:
        return config.create_table

    def created(self, config: DatabaseTargetConfig, rows: Schema) -> tuple[Column, ...]:
        if not config.create_table:
            return ()
        chosen = [(pair.target, rows.find(pair.column)) for pair in config.columns]
        pairs = chosen or [(column.name, column) for column in rows]
        keys = {key.casefold() for key in config.keys} if config.mode == "upsert" else set()
        return tuple(
            Column(
                name,
                origin.type if origin else "VARCHAR",  # what does not arrive, ``check`` reports
                unique_in=("the keys",) * (name.casefold() in keys),
            )
            for name, origin in pairs
        )

    def keys(self, config: DatabaseTargetConfig, table: Sequence[Column]) -> tuple[str, ...]:
        columns = Schema(tuple(table))
        return tuple(found.name for name in config.keys if (found := columns.find(name)))

    def check(
        self, config: DatabaseTargetConfig, rows: Schema, table: Sequence[Column]
    ) -> Iterable[Issue]:
        """Findings about writing ``rows`` into a ``table`` that has these columns."""
        if tuple(table) == self.created(config, rows):
            yield from _check_types(table)
        yield from _check_names(config, rows, Schema(tuple(table)))
        mapping = self.mapping(config, rows, table)
        yield from _check_coverage(config, mapping, rows, table)
        yield from _check_keys(config, mapping, Schema(tuple(table)))
        places = {pair.target.casefold(): i for i, pair in enumerate(config.columns)}
        for column in table:
            origin = rows.find(mapping[column.name]) if column.name in mapping else None
            issue = assign(origin, column) if origin else None
            if issue:
                place = places.get(column.name.casefold())
                field = "columns" if place is None else f"columns.{place}.target"
                yield issue.model_copy(update={"field": field})


def _check_names(config: DatabaseTargetConfig, rows: Schema, table: Schema) -> Iterable[Issue]:
    taken: set[str] = set()
    for index, pair in enumerate(config.columns):
        if rows.find(pair.column) is None:
            message = unknown("column", pair.column, rows.names)
            yield _issue("unknown_column", message, f"columns.{index}.column")
        if table.find(pair.target) is None:
            message = unknown("target column", pair.target, table.names)
            yield _issue("unknown_target_column", message, f"columns.{index}.target")
        if pair.target.casefold() in taken:
            message = f"target column '{pair.target}' is written twice; leave one out"
            yield _issue("duplicate_column", message, f"columns.{index}.target")
        taken.add(pair.target.casefold())


def _check_types(created: Sequence[Column]) -> Iterable[Issue]:
    for column in created:
        if family_of(column.type).is_unknown:
            message = (
                f"no table can be created with column '{column.name}' ({column.type}); "
                "cast it in a select node before, or leave it out"
            )
            yield _issue("type_not_storable", message, "create_table")


def _check_coverage(
    config: DatabaseTargetConfig,
    mapping: Mapping[str, str],
    rows: Schema,
    table: Sequence[Column],
) -> Iterable[Issue]:
    if not mapping and not config.columns:
        message = (
            f"no column of {', '.join(rows.names)} goes by a name of table '{config.table}' "
            f"({', '.join(column.name for column in table)}); choose which column goes where"
        )
        yield _issue("nothing_mapped", message, "columns")
        return
    chosen = {pair.target.casefold() for pair in config.columns}
    for column in table:
        is_needed = not column.is_nullable and not column.has_default
        if is_needed and column.name not in mapping and column.name.casefold() not in chosen:
            message = (
                f"target column '{column.name}' must not be NULL and has no default; "
                "choose the column that fills it"
            )
            yield _issue("required_column", message, "columns")


def _check_keys(
    config: DatabaseTargetConfig, mapping: Mapping[str, str], table: Schema
) -> Iterable[Issue]:
    found = [table.find(name) for name in config.keys]
    for index, (name, column) in enumerate(zip(config.keys, found, strict=True)):
        if column is None:
            message = unknown("target column", name, table.names)
            yield _issue("unknown_target_column", message, f"keys.{index}")
        elif column in found[:index]:
            message = f"key '{name}' is named twice; leave one out"
            yield _issue("duplicate_column", message, f"keys.{index}")
        elif column.name not in mapping:
            message = f"no column is written to key '{name}'; choose the column that fills it"
            yield _issue("key_not_mapped", message, f"keys.{index}")
    if config.mode == "upsert" and None not in found:
        yield from _check_unique(config, {column.name for column in found if column}, table)


def _check_unique(config: DatabaseTargetConfig, keys: set[str], table: Schema) -> Iterable[Issue]:
    unique = list(_unique(table).values())
    if keys not in unique:
        known = "; ".join(", ".join(sorted(names)) for names in unique)
        message = (
            f"table '{config.table}' has no unique index on exactly ({', '.join(config.keys)}), "
            "by which an upsert finds the row to update; "
            + (f"it has one on: {known}" if known else "create one, or choose 'delete_insert'")
        )
        yield _issue("key_not_unique", message, "keys")


def _unique(table: Schema) -> dict[str, set[str]]:
    """Unique index → its columns."""
    found: dict[str, set[str]] = {}
    for column in table:
        for index in column.unique_in:
            found.setdefault(index, set()).add(column.name)
    return found


def _issue(code: str, message: str, field: str) -> Issue:
    return Issue(code=code, message=message, field=field)


KIND = DatabaseTarget
