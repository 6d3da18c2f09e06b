"""``join``: rows of two inputs side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from pydantic import Field

from engine.columns.projection import column_of, duplicates, missing
from engine.expression import compare_columns
from engine.issue import Issue
from engine.kind import Context, NodeConfig, Transform
from engine.schema import Schema, quote

_JOINS = {"inner": "JOIN", "left": "LEFT JOIN", "right": "RIGHT JOIN", "full": "FULL JOIN"}


class JoinCondition(NodeConfig):
    left: str = Field(
        title="Left column",
        description="A column of the left input.",
        min_length=1,
        json_schema_extra={"format": "column", "port": "left"},
    )
    operator: Literal["=", "!=", "<", "<=", ">", ">="] = Field(
        "=", title="Operator", description="How the two are compared; NULL matches nothing."
    )
    right: str = Field(
        title="Right column",
        description="A column of the right input.",
        min_length=1,
        json_schema_extra={"format": "column", "port": "right"},
    )


class JoinedColumn(NodeConfig):
    side: Literal["left", "right"] = Field(title="Side", description="The input it comes from.")
    name: str = Field(
        title="Column",
        description="A column of that input.",
        min_length=1,
        json_schema_extra={"format": "column"},
    )
    rename: str = Field("", title="New name", description="Its name from here on; empty keeps it.")

    @property
    def output(self) -> str:
        return self.rename or self.name


class JoinConfig(NodeConfig):
    type: Literal["inner", "left", "right", "full"] = Field(
        "inner",
        title="Type",
        description="inner keeps matching pairs only; left, right and full also keep rows "
        "without a match of the left, the right or both inputs.",
    )
    on: list[JoinCondition] = Field(
        title="Conditions", description="All of them must hold for a pair to match.", min_length=1
    )
    columns: list[JoinedColumn] = Field(
        [],
        title="Columns",
        description="Columns that go on, in this order; empty for all of both inputs, where a "
        "name that both have gets the suffix _right on the right.",
    )


class Join(Transform[JoinConfig]):
    """Put rows of two inputs side by side where they match."""

    slug, label, group, icon = "join", "Join", "Rows", "join_inner"
    inputs = ("left", "right")
    Config = JoinConfig
    example = {
        "type": "left",
        "on": [{"left": "customer_id", "operator": "=", "right": "id"}],
        "columns": [
            {"side": "left", "name": "total"},
            {"side": "right", "name": "name", "rename": "customer"},
        ],
    }

    def sql(self, config: JoinConfig, inputs: Mapping[str, Schema], context: Context) -> str:
        chosen = config.columns or list(_all(inputs["left"], inputs["right"]))
        items = ", ".join(
            f"{_reference(c.side, inputs, c.name)} AS {quote(c.output)}" for c in chosen
        )
        conditions = " AND ".join(
            f"{_reference('left', inputs, c.left)} {c.operator} "
            f"{_reference('right', inputs, c.right)}"
            for c in config.on
        )
        return f'SELECT {items} FROM "left" {_JOINS[config.type]} "right" ON {conditions}'

    def check(
        self, config: JoinConfig, inputs: Mapping[str, Schema], context: Context
    ) -> Iterable[Issue]:
        yield from duplicates([column.output for column in config.columns], "columns.{}.rename")
        for index, column in enumerate(config.columns):
            yield from missing(inputs[column.side], column.name, f"columns.{index}.name")
        for index, condition in enumerate(config.on):
            yield from _check_key(condition, inputs, f"on.{index}")


def _all(left: Schema, right: Schema) -> Iterator[JoinedColumn]:
    """Every column of both sides, those of the right renamed until no two share a name."""
    taken = {name.casefold() for name in left.names}
    yield from (JoinedColumn(side="left", name=name) for name in left.names)
    for name in right.names:
        output = name
        while output.casefold() in taken:
            output += "_right"
        taken.add(output.casefold())
        yield JoinedColumn(side="right", name=name, rename="" if output == name else output)


def _reference(side: str, inputs: Mapping[str, Schema], name: str) -> str:
    return f"{quote(side)}.{quote(column_of(inputs[side], name).name)}"


def _check_key(
    condition: JoinCondition, inputs: Mapping[str, Schema], field: str
) -> Iterator[Issue]:
    left, right = inputs["left"].find(condition.left), inputs["right"].find(condition.right)
    yield from missing(inputs["left"], condition.left, f"{field}.left")
    yield from missing(inputs["right"], condition.right, f"{field}.right")
    if left and right:
        for issue in compare_columns(left, right):
            yield issue.model_copy(update={"field": f"{field}.right"})


KIND = Join
