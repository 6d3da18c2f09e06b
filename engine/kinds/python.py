"""``python``: a function from an Arrow table to an Arrow table, in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from engine.errors import ExpressionError
from engine.expression import scalar_type
from engine.kind import Context, Function, NodeConfig
from engine.policy import refuse_python
from engine.schema import Schema, quote
from engine.user_code.calling import Call, call

if TYPE_CHECKING:
    import pyarrow as pa


class PythonColumn(NodeConfig):
    name: str = Field(title="Name", description="The name of the column.", min_length=1)
    type: str = Field(
        title="Type",
        description="The type of its values, for example integer, decimal(12,2), date or varchar.",
        min_length=1,
        json_schema_extra={"format": "type"},
    )


class PythonConfig(NodeConfig):
    code: str = Field(
        title="Code",
        description="Python that defines transform(table), which takes a pyarrow.Table and "
        "returns one. It is not sandboxed: it can do what the worker's user can.",
        min_length=1,
        max_length=50_000,
        json_schema_extra={"widget": "code", "language": "python"},
    )
    columns: list[PythonColumn] = Field(
        title="Columns", description="The columns that it returns.", min_length=1
    )


class Python(Function[PythonConfig]):
    """Do in Python what no other node does; not sandboxed, off unless a team may."""

    slug, label, group, icon = "python", "Python", "Rows", "terminal"
    is_unconfined = True
    Config = PythonConfig
    example = {
        "code": "def transform(table):\n    return table.select(['id']).slice(0, 10)\n",
        "columns": [{"name": "id", "type": "bigint"}],
    }

    def sql(self, config: PythonConfig, inputs: Mapping[str, Schema], context: Context) -> str:
        columns = ", ".join(
            f"CAST(NULL AS {self._type(column)}) AS {quote(column.name)}"
            for column in config.columns
        )
        return f'SELECT {columns} FROM "in" WHERE FALSE'

    def call(self, config: PythonConfig, what: Call) -> pa.RecordBatchReader:
        refuse_python()
        return call(config.code, what)

    def _type(self, column: PythonColumn) -> str:
        try:
            return scalar_type(column.type)
        except ExpressionError as error:
            message = f"column '{column.name}': {error.message}"
            raise ExpressionError(message, finding=error.finding) from error


KIND = Python
