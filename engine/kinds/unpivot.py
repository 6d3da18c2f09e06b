"""``unpivot``: columns become rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pydantic import Field

from engine.columns.mixing import check_mixing
from engine.columns.projection import column_of, duplicates, missing
from engine.expression.term import quoted
from engine.issue import Issue
from engine.kind import Context, NodeConfig, Transform
from engine.schema import Schema, quote


class UnpivotConfig(NodeConfig):
    columns: list[str] = Field(
        title="Columns",
        description="The columns of which each makes a row; the others stay as they are.",
        min_length=1,
        json_schema_extra={"format": "column"},
    )
    name: str = Field(
        "name",
        title="Name column",
        description="The new column that says which column a row is from.",
        min_length=1,
    )
    value: str = Field(
        "value",
        title="Value column",
        description="The new column that has that column's value.",
        min_length=1,
    )
    keep_nulls: bool = Field(
        False, title="Keep NULLs", description="Whether values that are NULL make a row too."
    )


class Unpivot(Transform[UnpivotConfig]):
    """Turn columns into rows, one for each value."""

    slug, label, group, icon = "unpivot", "Unpivot", "Rows", "pivot_table_chart"
    Config = UnpivotConfig
    example = {"columns": ["january", "february"], "name": "month", "value": "amount"}

    def sql(self, config: UnpivotConfig, inputs: Mapping[str, Schema], context: Context) -> str:
        schema = inputs["in"]
        chosen = [column_of(schema, name).name for name in config.columns]
        names = f"unnest([{', '.join(quoted(name).sql for name in chosen)}])"
        values = f"unnest([{', '.join(map(quote, chosen))}])"
        items = [quote(name) for name in schema.names if name not in chosen]
        items += [f"{names} AS {quote(config.name)}", f"{values} AS {quote(config.value)}"]
        made = f'SELECT {", ".join(items)} FROM "in"'
        if config.keep_nulls:
            return made
        return f"SELECT * FROM ({made}) WHERE {quote(config.value)} IS NOT NULL"

    def check(
        self, config: UnpivotConfig, inputs: Mapping[str, Schema], context: Context
    ) -> Iterable[Issue]:
        schema = inputs["in"]
        yield from duplicates(config.columns, "columns.{}")
        for index, name in enumerate(config.columns):
            yield from missing(schema, name, f"columns.{index}")
        found = [column for name in config.columns if (column := schema.find(name))]
        for issue in check_mixing(found):
            yield issue.model_copy(update={"field": "columns"})
        yield from _check_names(config, schema)


def _check_names(config: UnpivotConfig, schema: Schema) -> Iterator[Issue]:
    chosen = {name.casefold() for name in config.columns}
    kept = [name for name in schema.names if name.casefold() not in chosen]
    for issue in duplicates([*kept, config.name, config.value], "{}"):
        field = "name" if int(issue.field) == len(kept) else "value"
        yield issue.model_copy(update={"field": field})


KIND = Unpivot
