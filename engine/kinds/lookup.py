"""``lookup``: columns of the one row that matches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pydantic import Field

from engine.columns.projection import column_of, duplicates, missing, unused
from engine.expression import compare_columns
from engine.expression.term import quoted
from engine.issue import Issue
from engine.kind import Context, NodeConfig, Transform
from engine.schema import Schema, quote


class LookupKey(NodeConfig):
    column: str = Field(
        title="Column",
        description="A column of the input.",
        min_length=1,
        json_schema_extra={"format": "column", "port": "in"},
    )
    lookup: str = Field(
        title="Lookup column",
        description="The column of the lookup that must be equal to it.",
        min_length=1,
        json_schema_extra={"format": "column", "port": "lookup"},
    )


class LookupColumn(NodeConfig):
    name: str = Field(
        title="Column",
        description="A column of the lookup.",
        min_length=1,
        json_schema_extra={"format": "column", "port": "lookup"},
    )
    rename: str = Field("", title="New name", description="Its name from here on; empty keeps it.")

    @property
    def output(self) -> str:
        return self.rename or self.name


class LookupConfig(NodeConfig):
    on: list[LookupKey] = Field(
        title="Key", description="All of them must be equal for a row to match.", min_length=1
    )
    columns: list[LookupColumn] = Field(
        title="Columns", description="Columns of the lookup to add.", min_length=1
    )


class Lookup(Transform[LookupConfig]):
    """Add columns of the one row of another input that matches."""

    slug, label, group, icon = "lookup", "Lookup", "Columns", "search"
    inputs = ("in", "lookup")
    Config = LookupConfig
    example = {
        "on": [{"column": "customer_id", "lookup": "id"}],
        "columns": [{"name": "name", "rename": "customer"}],
    }

    def sql(self, config: LookupConfig, inputs: Mapping[str, Schema], context: Context) -> str:
        rows, lookup = inputs["in"], inputs["lookup"]
        pairs = [
            (
                f'"in".{quote(column_of(rows, key.column).name)}',
                f"{quote(column_of(lookup, key.lookup).name)}",
            )
            for key in config.on
        ]
        matches = quote(unused(lookup, "matches"))
        keys = ", ".join(right for _, right in pairs)
        counted = f'SELECT *, count(*) OVER (PARTITION BY {keys}) AS {matches} FROM "lookup"'
        items = [f'"in".{quote(name)}' for name in rows.names]
        items += [
            f'"lookup".{quote(column_of(lookup, c.name).name)} AS {quote(c.output)}'
            for c in config.columns
        ]
        condition = " AND ".join(f'{left} = "lookup".{right}' for left, right in pairs)
        return (
            f'SELECT {", ".join(items)} FROM "in" LEFT JOIN ({counted}) AS "lookup" '
            f'ON {condition} WHERE CASE WHEN "lookup".{matches} > 1 '
            f"THEN error({_message(config, pairs, matches)}) ELSE TRUE END"
        )

    def check(
        self, config: LookupConfig, inputs: Mapping[str, Schema], context: Context
    ) -> Iterable[Issue]:
        rows, lookup = inputs["in"], inputs["lookup"]
        names = [*rows.names, *(column.output for column in config.columns)]
        for issue in duplicates(names, "{}"):
            place = int(issue.field) - len(rows)
            yield issue.model_copy(update={"field": f"columns.{place}.rename"})
        for index, column in enumerate(config.columns):
            yield from missing(lookup, column.name, f"columns.{index}.name")
        for index, key in enumerate(config.on):
            yield from _check_key(key, rows, lookup, f"on.{index}")


def _message(config: LookupConfig, pairs: list[tuple[str, str]], matches: str) -> str:
    """SQL of what a run fails with, the key of the row included."""
    parts = [
        f"{quoted(key.lookup + ' = ').sql} || coalesce(CAST({left} AS VARCHAR), 'NULL')"
        for key, (left, _) in zip(config.on, pairs, strict=True)
    ]
    key = " || ', ' || ".join(parts)
    advice = quoted("; at most one may match, so remove duplicates from the lookup before").sql
    return (
        f"'E_LOOKUP: ' || \"lookup\".{matches} || ' rows of the lookup have ' || {key} || {advice}"
    )


def _check_key(key: LookupKey, rows: Schema, lookup: Schema, field: str) -> Iterator[Issue]:
    yield from missing(rows, key.column, f"{field}.column")
    yield from missing(lookup, key.lookup, f"{field}.lookup")
    left, right = rows.find(key.column), lookup.find(key.lookup)
    if left and right:
        for issue in compare_columns(left, right):
            yield issue.model_copy(update={"field": f"{field}.lookup"})


KIND = Lookup
