"""``inline_source``: a small table that stands in the workflow itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import ClassVar, Self

from pydantic import Field, model_validator

from engine.columns.family import Family, family_of
from engine.columns.projection import duplicates
from engine.configuring import SettingError
from engine.errors import ExpressionError
from engine.expression import scalar_type
from engine.expression.term import literal, quoted
from engine.issue import Issue
from engine.kind import Context, NodeConfig, Role, Transform
from engine.schema import Schema, quote

Cell = str | int | float | bool | None
_DECIMAL = re.compile(r"DECIMAL\(\d+,(\d+)\)")


class InlineColumn(NodeConfig):
    name: str = Field(title="Name", description="The name of the column.", min_length=1)
    type: str = Field(
        "varchar",
        title="Type",
        description="The type of its values, for example integer, decimal(12,2), date or varchar.",
        min_length=1,
        json_schema_extra={"format": "type"},
    )


class InlineSourceConfig(NodeConfig):
    columns: list[InlineColumn] = Field(
        title="Columns", description="The columns of the table.", min_length=1
    )
    rows: list[list[Cell]] = Field(
        [],
        title="Rows",
        description="The rows, each a list with one value per column; null for NULL.",
        max_length=5_000,
        json_schema_extra={"widget": "table"},
    )

    @model_validator(mode="after")
    def _rows_are_full(self) -> Self:
        for index, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                message = f"the row has {len(row)} values for {len(self.columns)} columns"
                raise SettingError(f"{message}; give one for each", field=f"rows.{index}")
        return self


class InlineSource(Transform[InlineSourceConfig]):
    """Begin with a small table that is typed in here."""

    slug, label, group, icon = "inline_source", "Inline table", "Files and values", "table"
    role: ClassVar[Role] = "source"
    inputs = ()
    Config = InlineSourceConfig
    example = {
        "columns": [{"name": "code", "type": "varchar"}, {"name": "rate", "type": "decimal(5,2)"}],
        "rows": [["standard", "19.00"], ["reduced", "7.00"]],
    }

    def sql(
        self, config: InlineSourceConfig, inputs: Mapping[str, Schema], context: Context
    ) -> str:
        names = [f"c{index}" for index in range(len(config.columns))]
        items = ", ".join(
            f"CAST({name} AS {scalar_type(column.type)}) AS {quote(column.name)}"
            for name, column in zip(names, config.columns, strict=True)
        )
        rows = config.rows or [[None] * len(names)]
        values = ", ".join(f"({', '.join(map(_constant, row))})" for row in rows)
        only = "" if config.rows else " WHERE FALSE"
        return f"SELECT {items} FROM (VALUES {values}) AS v({', '.join(names)}){only}"

    def check(
        self, config: InlineSourceConfig, inputs: Mapping[str, Schema], context: Context
    ) -> Iterable[Issue]:
        yield from duplicates([column.name for column in config.columns], "columns.{}.name")
        for place, column in enumerate(config.columns):
            try:
                type_ = scalar_type(column.type)
            except ExpressionError as error:
                field = f"columns.{place}.type"
                yield Issue(code=error.finding, message=error.message, field=field)
                continue
            for index, row in enumerate(config.rows):
                for issue in _check_cell(row[place], type_):
                    yield issue.model_copy(update={"field": f"rows.{index}.{place}"})


def _text(cell: Cell) -> str:
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


def _constant(cell: Cell) -> str:
    """The cell as a text that is cast to its column's type, or NULL."""
    return "NULL" if cell is None else quoted(_text(cell)).sql


def _check_cell(cell: Cell, type_: str) -> Iterator[Issue]:
    """A finding when the cell is no value of ``type_``, or a cast would round it."""
    if cell is None:
        return
    text = _text(cell)
    found = list(literal(text, type_))
    yield from found
    if not found and _is_rounded(text, type_):
        message = f"'{text}' has more digits after the point than {type_.lower()}; round it"
        yield Issue(code="bad_literal", message=message)


def _is_rounded(text: str, type_: str) -> bool:
    """Whether ``type_`` is of exact numbers and has fewer digits after the point."""
    if family_of(type_) is not Family.NUMBER or type_ in ("FLOAT", "DOUBLE"):
        return False
    declared = _DECIMAL.fullmatch(type_)
    try:
        exponent = Decimal(text).normalize().as_tuple().exponent
    except InvalidOperation:
        return False
    return isinstance(exponent, int) and -exponent > (int(declared[1]) if declared else 0)


KIND = InlineSource
