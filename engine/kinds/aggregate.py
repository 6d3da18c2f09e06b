"""``aggregate``: one row per group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Self

from pydantic import Field, model_validator

from engine.columns.aggregation import ORDERED, Function, aggregate, check_aggregate, is_held
from engine.columns.ordering import SortColumn, check_ordering, rank_value
from engine.columns.projection import column_of, duplicates, missing, unused
from engine.configuring import SettingError
from engine.issue import Issue
from engine.kind import Context, Held, NodeConfig, Transform
from engine.schema import Schema, quote


class AggregatedColumn(NodeConfig):
    name: str = Field(title="Name", description="The column to make.", min_length=1)
    function: Function = Field(title="Function", description="What is made of a group's values.")
    column: str = Field(
        "",
        title="Column",
        description="The column it is made of; count without one counts rows.",
        json_schema_extra={"format": "column"},
    )
    separator: str = Field(
        ", ", title="Separator", description="What string_agg puts between two texts."
    )

    @model_validator(mode="after")
    def _column_is_given(self) -> Self:
        if not self.column and self.function != "count":
            message = f"'{self.function}' has no column; choose the column it is made of"
            raise SettingError(message, field="column", code="setting_missing")
        return self


class AggregateConfig(NodeConfig):
    group_by: list[str] = Field(
        [],
        title="Group by",
        description="Rows equal in these columns make one row; empty for one row in all.",
        json_schema_extra={"format": "column"},
    )
    aggregates: list[AggregatedColumn] = Field(
        title="Aggregates", description="Columns made of the rows of a group.", min_length=1
    )
    order_by: list[SortColumn] = Field(
        [],
        title="Order",
        description="The order in which first, last and string_agg take the rows of a group; "
        "empty for the order in which they arrive.",
    )


class Aggregate(Transform[AggregateConfig]):
    """Make one row of each group of rows: sums, counts, averages and the like."""

    slug, label, group, icon = "aggregate", "Aggregate", "Rows", "functions"
    Config = AggregateConfig
    example = {
        "group_by": ["country"],
        "aggregates": [
            {"name": "orders", "function": "count"},
            {"name": "total", "function": "sum", "column": "amount"},
        ],
    }

    def sql(self, config: AggregateConfig, inputs: Mapping[str, Schema], context: Context) -> str:
        schema = inputs["in"]
        arrival = unused(schema, "arrival")
        rank = rank_value(config.order_by, schema) if config.order_by else quote(arrival)
        keys = [quote(column_of(schema, name).name) for name in config.group_by]
        items = [*keys, *(_item(made, schema, rank) for made in config.aggregates)]
        origin = '"in"'
        if not config.order_by and any(made.function in ORDERED for made in config.aggregates):
            # Numbering makes DuckDB read one row after the other; threads would mix them.
            origin = f'(SELECT *, row_number() OVER () AS {quote(arrival)} FROM "in")'
        groups = f" GROUP BY {', '.join(keys)}" if keys else ""
        return f"SELECT {', '.join(items)} FROM {origin}{groups}"

    def held(self, config: AggregateConfig, rows: Schema) -> Held | None:
        ranks = [order.column for order in config.order_by]
        made = [(made.function, made.column) for made in config.aggregates if made.column]
        values = [
            name
            for function, name in made
            if is_held(function, column_of(rows, name), is_ranked=bool(ranks))
        ]
        if not (config.group_by and values):
            return None
        is_ordered = any(function in ORDERED for function, _ in made)
        return Held(
            keys=tuple(config.group_by),
            values=(*values, *(ranks if is_ordered else ())),
            columns=(*config.group_by, *(name for _, name in made), *ranks),
            is_by_arrival=is_ordered and not ranks,
        )

    def check(
        self, config: AggregateConfig, inputs: Mapping[str, Schema], context: Context
    ) -> Iterable[Issue]:
        schema = inputs["in"]
        yield from _check_names(config)
        for index, name in enumerate(config.group_by):
            yield from missing(schema, name, f"group_by.{index}")
        for index, made in enumerate(config.aggregates):
            field = f"aggregates.{index}.column"
            if made.column:
                yield from missing(schema, made.column, field)
            column = schema.find(made.column)
            for issue in check_aggregate(made.function, column) if column else ():
                yield issue.model_copy(update={"field": field})
        yield from check_ordering(config.order_by, schema, "order_by")


def _item(made: AggregatedColumn, schema: Schema, rank: str) -> str:
    column = column_of(schema, made.column) if made.column else None
    value = aggregate(made.function, column, rank=rank, separator=made.separator)
    return f"{value} AS {quote(made.name)}"


def _check_names(config: AggregateConfig) -> Iterator[Issue]:
    fields = [f"group_by.{index}" for index in range(len(config.group_by))]
    fields += [f"aggregates.{index}.name" for index in range(len(config.aggregates))]
    names = [*config.group_by, *(made.name for made in config.aggregates)]
    for issue in duplicates(names, "{}"):
        yield issue.model_copy(update={"field": fields[int(issue.field)]})


KIND = Aggregate
