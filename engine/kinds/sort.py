"""``sort``: rows in an order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import Field

from engine.columns.ordering import SortColumn, check_ordering, ordering
from engine.issue import Issue
from engine.kind import Context, NodeConfig, Transform
from engine.schema import Schema


class SortConfig(NodeConfig):
    order_by: list[SortColumn] = Field(
        title="Order",
        description="The columns to sort by, the most important first; NULLs come last.",
        min_length=1,
    )


class Sort(Transform[SortConfig]):
    """Put rows in order, so that they are written in it."""

    slug, label, group, icon = "sort", "Sort", "Rows", "sort"
    Config = SortConfig
    order = "made"
    example = {"order_by": [{"column": "total", "direction": "desc"}, {"column": "id"}]}

    def sql(self, config: SortConfig, inputs: Mapping[str, Schema], context: Context) -> str:
        return f'SELECT * FROM "in" ORDER BY {ordering(config.order_by, inputs["in"])}'

    def check(
        self, config: SortConfig, inputs: Mapping[str, Schema], context: Context
    ) -> Iterable[Issue]:
        return check_ordering(config.order_by, inputs["in"], "order_by")


KIND = Sort
