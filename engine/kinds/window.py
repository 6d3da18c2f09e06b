"""``window``: numbers and neighbors of rows within their group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from engine.columns.aggregation import check_aggregate, sum_type
from engine.columns.ordering import SortColumn, check_ordering, ordering
from engine.columns.projection import column_of, duplicates, missing
from engine.configuring import SettingError
from engine.issue import Issue
from engine.kind import Context, NodeConfig, Transform
from engine.schema import Schema, quote

#: Those made of the values of a column.
_OF_COLUMN = frozenset({"running_sum", "lag", "lead"})


class WindowColumn(NodeConfig):
    name: str = Field(title="Name", description="The column to add.", min_length=1)
    function: Literal["row_number", "rank", "dense_rank", "running_sum", "lag", "lead"] = Field(
        title="Function", description="What is found out about the row's place."
    )
    column: str = Field(
        "",
        title="Column",
        description="The column that running_sum, lag and lead are of.",
        json_schema_extra={"format": "column"},
    )
    offset: int = Field(
        1,
        title="Offset",
        description="How many rows before (lag) or after (lead) the row.",
        ge=1,
        le=1_000_000,
    )

    @model_validator(mode="after")
    def _column_is_given(self) -> Self:
        if self.function in _OF_COLUMN and not self.column:
            message = f"'{self.function}' has no column; choose the column it is made of"
            raise SettingError(message, field="column", code="setting_missing")
        return self


class WindowConfig(NodeConfig):
    partition_by: list[str] = Field(
        [],
        title="Partition by",
        description="Rows equal in these columns make a group; empty for one group of all.",
        json_schema_extra={"format": "column"},
    )
    order_by: list[SortColumn] = Field(
        title="Order", description="The order of rows within their group.", min_length=1
    )
    columns: list[WindowColumn] = Field(
        title="Columns", description="Columns to add to each row.", min_length=1
    )


class Window(Transform[WindowConfig]):
    """Number the rows of each group, add them up or look at their neighbors."""

    slug, label, group, icon = "window", "Window", "Columns", "format_list_numbered"
    Config = WindowConfig
    example = {
        "partition_by": ["account"],
        "order_by": [{"column": "booked_at"}, {"column": "id"}],
        "columns": [{"name": "balance", "function": "running_sum", "column": "amount"}],
    }

    def sql(self, config: WindowConfig, inputs: Mapping[str, Schema], context: Context) -> str:
        schema = inputs["in"]
        keys = ", ".join(quote(column_of(schema, name).name) for name in config.partition_by)
        place = f"PARTITION BY {keys} " if keys else ""
        place += f"ORDER BY {ordering(config.order_by, schema)}"
        made = [f"{_value(c, schema, place)} AS {quote(c.name)}" for c in config.columns]
        return f'SELECT {", ".join((*map(quote, schema.names), *made))} FROM "in"'

    def check(
        self, config: WindowConfig, inputs: Mapping[str, Schema], context: Context
    ) -> Iterable[Issue]:
        schema = inputs["in"]
        names = [*schema.names, *(column.name for column in config.columns)]
        for issue in duplicates(names, "{}"):
            place = int(issue.field) - len(schema)
            yield issue.model_copy(update={"field": f"columns.{place}.name"})
        for index, name in enumerate(config.partition_by):
            yield from missing(schema, name, f"partition_by.{index}")
        yield from check_ordering(config.order_by, schema, "order_by")
        for index, column in enumerate(config.columns):
            if column.function in _OF_COLUMN:
                yield from _check_column(column, schema, f"columns.{index}.column")


def _value(made: WindowColumn, schema: Schema, place: str) -> str:
    if made.function not in _OF_COLUMN:
        return f"{made.function}() OVER ({place})"
    column = column_of(schema, made.column)
    value = quote(column.name)
    if made.function == "running_sum":
        rows = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
        return f"CAST(sum({value}) OVER ({place} {rows}) AS {sum_type(column.type)})"
    return f"{made.function}({value}, {made.offset}) OVER ({place})"


def _check_column(made: WindowColumn, schema: Schema, field: str) -> Iterable[Issue]:
    yield from missing(schema, made.column, field)
    column = schema.find(made.column)
    if column and made.function == "running_sum":
        for issue in check_aggregate("sum", column):
            yield issue.model_copy(update={"field": field})


KIND = Window
