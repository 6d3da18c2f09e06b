"""``union``: rows of several inputs one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pydantic import Field

from engine.expression import compare_columns
from engine.issue import Issue, Severity
from engine.kind import Context, NodeConfig, Transform
from engine.schema import Column, Schema, quote

_APPROXIMATE = frozenset({"FLOAT", "DOUBLE"})
_SHORT = frozenset({"TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER"})


class UnionConfig(NodeConfig):
    inputs: int = Field(
        2,
        title="Inputs",
        description="How many inputs there are; their ports are in1, in2 and so on.",
        ge=2,
        le=32,
    )


class Union(Transform[UnionConfig]):
    """Put the rows of several inputs together, column by column name."""

    slug, label, group, icon = "union", "Union", "Rows", "merge"
    inputs = ("in1", "in2")
    Config = UnionConfig
    example = {"inputs": 2}

    def input_ports(self, config: UnionConfig) -> tuple[str, ...]:
        return tuple(f"in{number}" for number in range(1, config.inputs + 1))

    def sql(self, config: UnionConfig, inputs: Mapping[str, Schema], context: Context) -> str:
        names = _names(inputs.values())
        return " UNION ALL ".join(
            f"SELECT {', '.join(_item(schema, name) for name in names)} FROM {quote(port)}"
            for port, schema in inputs.items()
        )

    def check(
        self, config: UnionConfig, inputs: Mapping[str, Schema], context: Context
    ) -> Iterable[Issue]:
        for name in _names(inputs.values()):
            found = [column for schema in inputs.values() if (column := schema.find(name))]
            for other in found[1:]:
                yield from compare_columns(found[0], other)
            yield from _check_digits(found)
            lacking = [port for port, schema in inputs.items() if schema.find(name) is None]
            if lacking:
                ports = ", ".join(f"'{port}'" for port in lacking)
                message = f"column '{name}' is NULL in rows of {ports}, which have no such column"
                yield Issue(code="missing_column", message=message, severity=Severity.WARNING)


def _names(schemas: Iterable[Schema]) -> list[str]:
    """Every column name once, in order of appearance, spelled as where it appears first."""
    names: dict[str, str] = {}
    for schema in schemas:
        for name in schema.names:
            names.setdefault(name.casefold(), name)
    return list(names.values())


def _item(schema: Schema, name: str) -> str:
    column = schema.find(name)
    return f"{quote(column.name) if column else 'NULL'} AS {quote(name)}"


def _check_digits(columns: list[Column]) -> Iterator[Issue]:
    """A finding when exact numbers become approximate because they meet such."""
    types = {column.type for column in columns}
    exact = [c for c in columns if c.type not in _APPROXIMATE | _SHORT]
    if types & _APPROXIMATE and exact:
        message = (
            f"column '{exact[0].name}' is {exact[0].type} in one input and approximate in "
            "another, so digits may be lost; cast one of them in a select node before"
        )
        yield Issue(code="lossy_cast", message=message, severity=Severity.WARNING)


KIND = Union
