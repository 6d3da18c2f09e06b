"""``select``: choose, order, rename and cast columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import Field

from engine.columns.projection import column_of, duplicates, missing
from engine.expression import cast_column, scalar_type
from engine.issue import Issue
from engine.kind import Context, NodeConfig, Transform
from engine.schema import Schema, quote


class SelectedColumn(NodeConfig):
    name: str = Field(
        title="Column",
        description="A column of the input.",
        min_length=1,
        json_schema_extra={"format": "column"},
    )
    rename: str = Field("", title="New name", description="Its name from here on; empty keeps it.")
    type: str = Field(
        "",
        title="Type",
        description="A type to cast it to, for example decimal(12,2); empty to keep it.",
        json_schema_extra={"format": "type"},
    )

    @property
    def output(self) -> str:
        return self.rename or self.name


class SelectConfig(NodeConfig):
    columns: list[SelectedColumn] = Field(
        title="Columns",
        description="The columns that go on, in this order; all others are left out.",
        min_length=1,
    )


class Select(Transform[SelectConfig]):
    """Choose columns, and rename, cast or reorder them."""

    slug, label, group, icon = "select", "Select", "Columns", "view_column"
    Config = SelectConfig
    order = "kept"
    example = {
        "columns": [
            {"name": "id", "rename": "order_id"},
            {"name": "total", "type": "decimal(12,2)"},
        ]
    }

    def sql(self, config: SelectConfig, inputs: Mapping[str, Schema], context: Context) -> str:
        items = ", ".join(_item(column, inputs["in"]) for column in config.columns)
        return f'SELECT {items} FROM "in"'

    def check(
        self, config: SelectConfig, inputs: Mapping[str, Schema], context: Context
    ) -> Iterable[Issue]:
        yield from duplicates([column.output for column in config.columns], "columns.{}.rename")
        for index, column in enumerate(config.columns):
            yield from missing(inputs["in"], column.name, f"columns.{index}.name")
            found = inputs["in"].find(column.name)
            for issue in cast_column(found, column.type) if found and column.type else ():
                yield issue.model_copy(update={"field": f"columns.{index}.type"})


def _item(column: SelectedColumn, schema: Schema) -> str:
    found = column_of(schema, column.name)
    value = quote(found.name)
    if column.type:
        value = f"CAST({value} AS {scalar_type(column.type)})"
    return f"{value} AS {quote(column.rename or found.name)}"


KIND = Select
