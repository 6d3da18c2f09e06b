"""``sql``: one SELECT over named inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from engine.configuring import SettingError
from engine.errors import ExpressionError
from engine.issue import Issue
from engine.kind import Context, NodeConfig, Transform
from engine.query import read_query
from engine.query_memory import check_memory
from engine.query_types import check_types
from engine.schema import Schema

_Port = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]


class SqlConfig(NodeConfig):
    inputs: list[_Port] = Field(
        ["in"],
        title="Inputs",
        description="Names of the input ports, which the SQL reads like tables.",
        min_length=1,
        max_length=32,
    )
    sql: str = Field(
        title="SQL",
        description="One SELECT in DuckDB's dialect.",
        min_length=1,
        json_schema_extra={"widget": "code", "language": "sql"},
    )

    @model_validator(mode="after")
    def _inputs_differ(self) -> Self:
        if len(set(self.inputs)) < len(self.inputs):
            message = f"inputs {', '.join(self.inputs)} are not all different; rename one"
            raise SettingError(message, field="inputs")
        return self


class Sql(Transform[SqlConfig]):
    """Do in one SELECT what no other node does."""

    slug, label, group, icon = "sql", "SQL", "Rows", "code"
    Config = SqlConfig
    example = {
        "inputs": ["orders", "customers"],
        "sql": "SELECT c.country, sum(o.total) AS total FROM orders AS o "
        "JOIN customers AS c ON o.customer_id = c.id GROUP BY c.country",
    }

    def input_ports(self, config: SqlConfig) -> tuple[str, ...]:
        return tuple(config.inputs)

    def sql(self, config: SqlConfig, inputs: Mapping[str, Schema], context: Context) -> str:
        return read_query(config.sql, config.inputs, context.parameters).sql

    def check(
        self, config: SqlConfig, inputs: Mapping[str, Schema], context: Context
    ) -> Iterable[Issue]:
        try:
            query = read_query(config.sql, config.inputs, context.parameters)
        except ExpressionError as error:
            yield Issue(code=error.finding, message=error.message, field="sql")
            return
        for index, name in enumerate(config.inputs):
            if name not in query.reads:
                message = f"input '{name}' is not read; use it after FROM, or remove it"
                yield Issue(code="unused_input", message=message, field=f"inputs.{index}")
        types = check_types(config.sql, inputs, context.parameters)
        for issue in (*types, *check_memory(config.sql, inputs)):
            yield issue.model_copy(update={"field": "sql"})


KIND = Sql
