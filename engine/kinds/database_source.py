"""``database_source``: rows of a table or of a query."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from pydantic import ConfigDict, Field, model_validator

from engine.configuring import SettingError
from engine.expression import check
from engine.issue import Issue, Severity
from engine.kind import Context, NodeConfig, Source
from engine.readonly import refusal
from engine.schema import Schema
from engine.suggestion import unknown
from engine.transfer import Extraction, TableName, Window


class Incremental(NodeConfig):
    column: str = Field(
        title="Column",
        description="The column whose values grow: a number, a date or a timestamp.",
        min_length=1,
        json_schema_extra={"format": "column"},
    )
    overlap: float = Field(
        0,
        title="Overlap",
        description="How far to read back for late rows: seconds of a timestamp, else a number.",
        ge=0,
        allow_inf_nan=False,
    )


class DatabaseSourceConfig(NodeConfig):
    # ``schema`` is a method of pydantic's, so the field goes by another name in Python.
    model_config = ConfigDict(serialize_by_alias=True)

    connection: str = Field(
        title="Connection",
        description="The connection to read from.",
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
        "",
        title="Table",
        description="The table or view to read. Either a table or SQL is needed.",
        json_schema_extra={"format": "table"},
    )
    sql: str = Field(
        "",
        title="SQL",
        description="One SELECT in the database's own dialect, instead of a table.",
        json_schema_extra={"widget": "code", "language": "sql"},
    )
    columns: list[str] = Field(
        [],
        title="Columns",
        description="Columns to read, in this order; empty for all.",
        json_schema_extra={"format": "column"},
    )
    filter: str = Field(
        "",
        title="Filter",
        description="A condition that rows to read must meet; empty for all rows.",
        json_schema_extra={"widget": "code", "language": "expression"},
    )
    incremental: Incremental | None = Field(
        None,
        title="Incremental",
        description="Read only rows above what the targets have already; empty for all rows.",
    )
    sessions: int = Field(
        1,
        title="Sessions",
        description="How many sessions of the database read a table side by side.",
        ge=1,
        le=8,
    )

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.table) == bool(self.sql.strip()):
            given = "both 'table' and 'sql' are" if self.table else "neither 'table' nor 'sql' is"
            raise SettingError(f"{given} given; a source reads one of them", field="table")
        if self.sql and (reason := refusal(self.sql)):
            raise SettingError(reason, field="sql", code="sql_not_readonly")
        if self.sql and self.sessions > 1:
            raise SettingError(
                f"'{self.sessions}' sessions cannot share the work of a query; name a table "
                "instead, or set 'sessions' to 1",
                field="sessions",
            )
        return self


class DatabaseSource(Source[DatabaseSourceConfig]):
    """Read the rows of a table or of a query."""

    slug, label, group, icon = "database_source", "Database source", "Databases", "database"
    Config = DatabaseSourceConfig
    example = {"connection": "shop", "schema": "public", "table": "orders", "filter": "total > 0"}

    def extraction(self, config: DatabaseSourceConfig, context: Context) -> Extraction:
        return Extraction(
            table=TableName(config.schema_name, config.table) if config.table else None,
            sql=config.sql,
            columns=tuple(config.columns),
            filter=config.filter,
            parameters=context.parameters,
        )

    def sessions(self, config: DatabaseSourceConfig) -> int:
        return config.sessions

    def incremental(self, config: DatabaseSourceConfig) -> Window | None:
        wanted = config.incremental
        return Window(wanted.column, wanted.overlap) if wanted else None

    def check(
        self, config: DatabaseSourceConfig, output: Schema, context: Context
    ) -> Iterable[Issue]:
        for column in output:
            if column.caveat:
                message = f"column '{column.name}' ({column.native_type}): {column.caveat}"
                yield Issue(
                    code="value_may_not_fit",
                    message=message,
                    severity=Severity.WARNING,
                    field="columns",
                )
        # With columns chosen, these may be about others that only the connector knows.
        if config.columns:
            return
        if config.incremental and output.find(config.incremental.column) is None:
            message = unknown("column", config.incremental.column, output.names)
            yield Issue(code="unknown_column", message=message, field="incremental.column")
        if config.filter:
            for issue in check(config.filter, output, context.parameters, boolean=True):
                yield issue.model_copy(update={"field": "filter"})


KIND = DatabaseSource
