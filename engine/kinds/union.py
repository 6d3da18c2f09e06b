"""``union``: rows of several inputs one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import Field

from engine.columns.mixing import check_mixing
from engine.issue import Issue, Severity
from engine.kind import Context, NodeConfig, Transform
from engine.schema import Schema, quote


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
            yield from check_mixing(found)
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


KIND = Union
