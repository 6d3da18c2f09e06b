"""``pivot``: values of a column become columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from engine.columns.aggregation import aggregate, check_aggregate, is_held
from engine.columns.projection import column_of, duplicates, missing
from engine.configuring import SettingError
from engine.expression.constants import constant
from engine.expression.term import Term, compare, of_column
from engine.issue import Issue
from engine.kind import Context, Held, NodeConfig, Transform
from engine.schema import Column, Schema, quote


class PivotValue(NodeConfig):
    value: str | int | float | bool | None = Field(
        title="Value", description="A value of the column; null for NULL."
    )
    name: str = Field(title="Name", description="The column to make for it.", min_length=1)

    @property
    def term(self) -> Term:
        return constant(self.value, f"the value for '{self.name}'")


class PivotConfig(NodeConfig):
    group_by: list[str] = Field(
        [],
        title="Group by",
        description="Rows equal in these columns make one row; empty for one row in all.",
        json_schema_extra={"format": "column"},
    )
    column: str = Field(
        title="Column",
        description="The column whose values become columns.",
        min_length=1,
        json_schema_extra={"format": "column"},
    )
    values: list[PivotValue] = Field(
        title="Values", description="The values that become columns, in this order.", min_length=1
    )
    function: Literal["sum", "avg", "min", "max", "count", "count_distinct"] = Field(
        "sum", title="Function", description="What is made of the rows that have the value."
    )
    of: str = Field(
        "",
        title="Of",
        description="The column it is made of; count without one counts rows.",
        json_schema_extra={"format": "column"},
    )

    @model_validator(mode="after")
    def _column_is_given(self) -> Self:
        if not self.of and self.function != "count":
            message = f"'{self.function}' has no column; choose the column it is made of"
            raise SettingError(message, field="of", code="setting_missing")
        return self


class Pivot(Transform[PivotConfig]):
    """Turn values of a column into columns of their own."""

    slug, label, group, icon = "pivot", "Pivot", "Rows", "pivot_table_chart"
    Config = PivotConfig
    example = {
        "group_by": ["shop"],
        "column": "month",
        "values": [{"value": 1, "name": "january"}, {"value": 2, "name": "february"}],
        "function": "sum",
        "of": "amount",
    }

    def sql(self, config: PivotConfig, inputs: Mapping[str, Schema], context: Context) -> str:
        schema = inputs["in"]
        keys = [quote(column_of(schema, name).name) for name in config.group_by]
        column = column_of(schema, config.column)
        of = column_of(schema, config.of) if config.of else None
        items = [
            f"{aggregate(config.function, of, condition=_condition(column, value))} "
            f"AS {quote(value.name)}"
            for value in config.values
        ]
        groups = f" GROUP BY {', '.join(keys)}" if keys else ""
        return f'SELECT {", ".join((*keys, *items))} FROM "in"{groups}'

    def held(self, config: PivotConfig, rows: Schema) -> Held | None:
        keys, of = tuple(config.group_by), config.of
        if not (keys and of and is_held(config.function, column_of(rows, of))):
            return None
        return Held(keys=keys, values=(of,), columns=(*keys, config.column, of))

    def check(
        self, config: PivotConfig, inputs: Mapping[str, Schema], context: Context
    ) -> Iterable[Issue]:
        schema = inputs["in"]
        names = [*config.group_by, *(value.name for value in config.values)]
        for issue in duplicates(names, "{}"):
            place = int(issue.field) - len(config.group_by)
            field = f"values.{place}.name" if place >= 0 else f"group_by.{issue.field}"
            yield issue.model_copy(update={"field": field})
        for index, name in enumerate(config.group_by):
            yield from missing(schema, name, f"group_by.{index}")
        yield from missing(schema, config.column, "column")
        if column := schema.find(config.column):
            yield from _check_values(config, column)
        yield from missing(schema, config.of, "of") if config.of else ()
        of = schema.find(config.of)
        for issue in check_aggregate(config.function, of) if of else ():
            yield issue.model_copy(update={"field": "of"})


def _condition(column: Column, value: PivotValue) -> str:
    return f"{quote(column.name)} IS NOT DISTINCT FROM {value.term.sql}"


def _check_values(config: PivotConfig, column: Column) -> Iterator[Issue]:
    for index, value in enumerate(config.values):
        for issue in compare(of_column(column), value.term):
            yield issue.model_copy(update={"field": f"values.{index}.value"})


KIND = Pivot
