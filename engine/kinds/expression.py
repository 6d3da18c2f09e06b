"""``expression``: computed columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import Field

from engine.columns.projection import duplicates
from engine.expression import check, to_sql
from engine.issue import Issue
from engine.kind import Context, NodeConfig, Transform
from engine.schema import Schema, quote


class ComputedColumn(NodeConfig):
    name: str = Field(
        title="Name",
        description="The column to add, or to replace if the input has it.",
        min_length=1,
        json_schema_extra={"format": "column"},
    )
    expression: str = Field(
        title="Expression",
        description="Its value, computed from the columns of the input.",
        min_length=1,
        json_schema_extra={"widget": "code", "language": "expression"},
    )


class ExpressionConfig(NodeConfig):
    columns: list[ComputedColumn] = Field(
        title="Columns",
        description="Columns to compute, all from the input as it arrives.",
        min_length=1,
    )


class Expression(Transform[ExpressionConfig]):
    """Add columns computed from others, or replace them."""

    slug, label, group, icon = "expression", "Expression", "Columns", "function"
    Config = ExpressionConfig
    order = "kept"
    example = {"columns": [{"name": "gross", "expression": "round(net * 1.19, 2)"}]}

    def sql(self, config: ExpressionConfig, inputs: Mapping[str, Schema], context: Context) -> str:
        schema = inputs["in"]
        computed = {
            column.name.casefold(): f"{to_sql(column.expression, schema, context.parameters)} AS "
            f"{quote(column.name)}"
            for column in config.columns
        }
        items = [computed.pop(name.casefold(), quote(name)) for name in schema.names]
        return f'SELECT {", ".join((*items, *computed.values()))} FROM "in"'

    def check(
        self, config: ExpressionConfig, inputs: Mapping[str, Schema], context: Context
    ) -> Iterable[Issue]:
        yield from duplicates([column.name for column in config.columns], "columns.{}.name")
        for index, column in enumerate(config.columns):
            for issue in check(column.expression, inputs["in"], context.parameters):
                yield issue.model_copy(update={"field": f"columns.{index}.expression"})


KIND = Expression
