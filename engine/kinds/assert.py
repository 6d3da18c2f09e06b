"""``assert``: expectations that rows must meet before they go on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from engine.columns.projection import column_of, missing
from engine.configuring import SettingError
from engine.expression import check, to_sql
from engine.expression.constants import constant
from engine.expression.term import Term, compare, of_column
from engine.issue import Issue
from engine.kind import Context, NodeConfig, Probe, Transform
from engine.schema import Schema, quote

#: Settings that each rule needs.
_NEEDS = {
    "not_null": ("columns",),
    "unique": ("columns",),
    "accepted": ("columns", "values"),
    "condition": ("condition",),
    "row_count": (),
}


class Assertion(NodeConfig):
    rule: Literal["not_null", "unique", "accepted", "condition", "row_count"] = Field(
        title="Rule", description="What is expected."
    )
    action: Literal["fail", "warn"] = Field(
        "fail", title="Action", description="fail stops the run; warn lets the rows go on."
    )
    columns: list[str] = Field(
        [],
        title="Columns",
        description="The columns of not_null, unique (together) and accepted.",
        json_schema_extra={"format": "column"},
    )
    values: list[str | int | float | bool] = Field(
        [], title="Values", description="All that accepted lets the columns be, beside NULL."
    )
    condition: str = Field(
        "",
        title="Condition",
        description="What must be true for every row.",
        json_schema_extra={"widget": "code", "language": "expression"},
    )
    min_rows: int | None = Field(
        None, title="At least", description="The fewest rows that row_count takes.", ge=0
    )
    max_rows: int | None = Field(
        None, title="At most", description="The most rows that row_count takes.", ge=0
    )

    @model_validator(mode="after")
    def _rule_has_its_settings(self) -> Self:
        for field in _NEEDS[self.rule]:
            if not getattr(self, field):
                message = f"rule '{self.rule}' needs '{field}'; fill it in"
                raise SettingError(message, field=field, code="setting_missing")
        if self.rule == "row_count" and self.min_rows is None and self.max_rows is None:
            message = "rule 'row_count' needs 'min_rows' or 'max_rows'; fill one in"
            raise SettingError(message, field="min_rows", code="setting_missing")
        return self

    @property
    def terms(self) -> list[Term]:
        return [constant(value, "a value") for value in self.values]

    @property
    def listed(self) -> str:
        return ", ".join(f"'{v}'" if isinstance(v, str) else str(v) for v in self.values)


class AssertConfig(NodeConfig):
    assertions: list[Assertion] = Field(
        title="Assertions", description="Everything that is expected of the rows.", min_length=1
    )


class Assert(Transform[AssertConfig]):
    """Let rows go on only if all of them are as expected."""

    slug, label, group, icon = "assert", "Assert", "Rows", "rule"
    Config = AssertConfig
    order, is_kept = "kept", True
    example = {
        "assertions": [
            {"rule": "unique", "columns": ["id"]},
            {"rule": "condition", "condition": "total >= 0", "action": "warn"},
        ]
    }

    def sql(self, config: AssertConfig, inputs: Mapping[str, Schema], context: Context) -> str:
        return 'SELECT * FROM "in"'

    def probes(
        self, config: AssertConfig, inputs: Mapping[str, Schema], context: Context
    ) -> Sequence[Probe]:
        return [
            Probe(*_question(assertion, inputs["in"], context), assertion.action == "warn")
            for assertion in config.assertions
        ]

    def check(
        self, config: AssertConfig, inputs: Mapping[str, Schema], context: Context
    ) -> Iterable[Issue]:
        for index, assertion in enumerate(config.assertions):
            field = f"assertions.{index}"
            for place, name in enumerate(assertion.columns):
                yield from missing(inputs["in"], name, f"{field}.columns.{place}")
            if assertion.rule == "accepted":
                yield from _check_values(assertion, inputs["in"], field)
            if assertion.rule == "condition":
                found = check(assertion.condition, inputs["in"], context.parameters, boolean=True)
                for issue in found:
                    yield issue.model_copy(update={"field": f"{field}.condition"})


def _question(assertion: Assertion, schema: Schema, context: Context) -> tuple[str, str]:
    """What is expected, in words, and the SELECT that finds what is not so."""
    columns = [quote(column_of(schema, name).name) for name in assertion.columns]
    named = ", ".join(f"'{name}'" for name in assertion.columns)
    match assertion.rule:
        case "not_null":
            return f"no NULL in {named}", _where(f"{c} IS NULL" for c in columns)
        case "unique":
            keys, known = ", ".join(columns), " AND ".join(f"{c} IS NOT NULL" for c in columns)
            counted = f'SELECT {keys}, count(*) AS "rows" FROM "in" WHERE {known} GROUP BY {keys}'
            return f"{named} to be unique", f"{counted} HAVING count(*) > 1"
        case "accepted":
            listed = ", ".join(term.sql for term in assertion.terms)
            offences = (f"{column} NOT IN ({listed})" for column in columns)
            return f"{named} to be one of {assertion.listed}", _where(offences)
        case "condition":
            condition = to_sql(assertion.condition, schema, context.parameters)
            return f"'{assertion.condition}' to be true", _where([f"({condition}) IS NOT TRUE"])
        case "row_count":
            return _row_count(assertion)


def _row_count(assertion: Assertion) -> tuple[str, str]:
    low, high = assertion.min_rows, assertion.max_rows
    bounds = [(f"at least {low:,}", f"count(*) < {low}")] if low is not None else []
    bounds += [(f"at most {high:,}", f"count(*) > {high}")] if high is not None else []
    offence = " OR ".join(sql for _, sql in bounds)
    expected = " and ".join(words for words, _ in bounds)
    return f"{expected} rows", f'SELECT count(*) AS "rows" FROM "in" HAVING {offence}'


def _where(offences: Iterable[str]) -> str:
    return f'SELECT * FROM "in" WHERE {" OR ".join(offences)}'


def _check_values(assertion: Assertion, schema: Schema, field: str) -> Iterator[Issue]:
    for column in filter(None, map(schema.find, assertion.columns)):
        for place, term in enumerate(assertion.terms):
            for issue in compare(of_column(column), term):
                yield issue.model_copy(update={"field": f"{field}.values.{place}"})


KIND = Assert
