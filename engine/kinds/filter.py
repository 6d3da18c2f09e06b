"""``filter``: only the rows that meet a condition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import Field

from engine.expression import check, to_sql
from engine.issue import Issue
from engine.kind import Context, NodeConfig, Transform
from engine.schema import Schema


class FilterConfig(NodeConfig):
    condition: str = Field(
        title="Condition",
        description="Rows for which it is true pass; those for which it is false or NULL do not.",
        min_length=1,
        json_schema_extra={"widget": "code", "language": "expression"},
    )


class Filter(Transform[FilterConfig]):
    """Let only those rows pass that meet a condition."""

    slug, label, group, icon = "filter", "Filter", "Rows", "filter_alt"
    Config = FilterConfig
    order = "kept"
    example = {"condition": "total > 100 and status = 'paid'"}

    def sql(self, config: FilterConfig, inputs: Mapping[str, Schema], context: Context) -> str:
        condition = to_sql(config.condition, inputs["in"], context.parameters)
        return f'SELECT * FROM "in" WHERE {condition}'

    def check(
        self, config: FilterConfig, inputs: Mapping[str, Schema], context: Context
    ) -> Iterable[Issue]:
        for issue in check(config.condition, inputs["in"], context.parameters, boolean=True):
            yield issue.model_copy(update={"field": "condition"})


KIND = Filter
