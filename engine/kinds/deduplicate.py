"""``deduplicate``: one of several rows with the same key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import Field

from engine.columns.ordering import SortColumn, check_ordering, ordering
from engine.columns.projection import column_of, missing, unused
from engine.issue import Issue
from engine.kind import Context, NodeConfig, Transform
from engine.schema import Schema, quote


class DeduplicateConfig(NodeConfig):
    key: list[str] = Field(
        [],
        title="Key",
        description="Rows equal in these columns count as the same; empty for all columns.",
        json_schema_extra={"format": "column"},
    )
    order_by: list[SortColumn] = Field(
        [],
        title="Order",
        description="The order that says which row is first; empty for the order of arrival.",
    )
    keep: Literal["first", "last"] = Field(
        "first", title="Keep", description="Which of the rows with the same key goes on."
    )


class Deduplicate(Transform[DeduplicateConfig]):
    """Keep one of several rows that have the same key."""

    slug, label, group, icon = "deduplicate", "Deduplicate", "Rows", "filter_1"
    Config = DeduplicateConfig
    example = {
        "key": ["customer_id"],
        "order_by": [{"column": "changed_at"}],
        "keep": "last",
    }

    def sql(self, config: DeduplicateConfig, inputs: Mapping[str, Schema], context: Context) -> str:
        schema = inputs["in"]
        if not config.key:
            return 'SELECT DISTINCT * FROM "in"'
        key = ", ".join(quote(column_of(schema, name).name) for name in config.key)
        is_last = config.keep == "last"
        origin, order = '"in"', ordering(config.order_by, schema, backwards=is_last)
        if not order:
            # Numbering makes DuckDB read one row after the other; threads would mix them.
            arrival = quote(unused(schema, "arrival"))
            origin = f'(SELECT *, row_number() OVER () AS {arrival} FROM "in")'
            order = f"{arrival} {'DESC' if is_last else 'ASC'}"
        columns = ", ".join(map(quote, schema.names))
        # A row with none before it is the first. Asking for row number 1 instead, DuckDB keeps
        # all rows in memory.
        return (
            f"SELECT {columns} FROM {origin} "
            f"QUALIFY lag(true) OVER (PARTITION BY {key} ORDER BY {order}) IS NULL"
        )

    def check(
        self, config: DeduplicateConfig, inputs: Mapping[str, Schema], context: Context
    ) -> Iterable[Issue]:
        for index, name in enumerate(config.key):
            yield from missing(inputs["in"], name, f"key.{index}")
        yield from check_ordering(config.order_by, inputs["in"], "order_by")


KIND = Deduplicate
