"""``mask``: replace values of chosen columns by stars or by a hash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import Field

from engine.issue import Issue
from engine.kind import Context, NodeConfig, Transform
from engine.schema import Schema, quote
from engine.suggestion import unknown


class MaskConfig(NodeConfig):
    columns: list[str] = Field(
        title="Columns",
        description="The columns to mask.",
        min_length=1,
        json_schema_extra={"items": {"type": "string", "format": "column"}},
    )
    by: Literal["stars", "hash"] = Field(
        "stars",
        title="By",
        description="Stars for every character, or a hash that is equal for equal values.",
    )


class Mask(Transform[MaskConfig]):
    """Hide the values of columns."""

    slug, label, group, icon = "mask", "Mask", "Columns", "visibility_off"
    Config = MaskConfig
    example = {"columns": ["email"], "by": "hash"}
    order = "kept"

    def sql(self, config: MaskConfig, inputs: Mapping[str, Schema], context: Context) -> str:
        schema = inputs["in"]
        found = {c.name for name in config.columns if (c := schema.find(name))}
        items = (
            f"{_masked(quote(column.name), config.by)} AS {quote(column.name)}"
            if column.name in found
            else quote(column.name)
            for column in schema
        )
        return f'SELECT {", ".join(items)} FROM "in"'

    def check(
        self, config: MaskConfig, inputs: Mapping[str, Schema], context: Context
    ) -> Iterable[Issue]:
        for index, name in enumerate(config.columns):
            if inputs["in"].find(name) is None:
                message = unknown("column", name, inputs["in"].names)
                yield Issue(code="unknown_column", message=message, field=f"columns.{index}")


def _masked(column: str, by: str) -> str:
    text = f"CAST({column} AS VARCHAR)"
    return f"sha256({text})" if by == "hash" else f"regexp_replace({text}, '.', '*', 'g')"


KIND = Mask
