"""``branch``: each row to the first port whose condition it meets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

from pydantic import Field, model_validator

from engine.configuring import SettingError
from engine.expression import check, to_sql
from engine.issue import Issue
from engine.kind import OUTPUT, Context, NodeConfig, Transform
from engine.schema import Schema, quote

#: The port of rows that meet no condition.
_ELSE = "else"


class BranchPort(NodeConfig):
    port: str = Field(
        title="Port",
        description="The name of the output port: small letters, digits and underscores.",
        pattern=r"^[a-z][a-z0-9_]{0,59}$",
    )
    condition: str = Field(
        title="Condition",
        description="Rows for which it is true go there, if no port before took them.",
        min_length=1,
        json_schema_extra={"widget": "code", "language": "expression"},
    )


class BranchConfig(NodeConfig):
    branches: list[BranchPort] = Field(
        title="Branches",
        description="The output ports, in the order in which rows are offered to them; "
        "what none takes goes to the port else.",
        min_length=1,
        max_length=32,
    )

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        taken = {"out", _ELSE}
        for index, branch in enumerate(self.branches):
            if branch.port in taken:
                message = f"port '{branch.port}' is given twice or reserved; rename it"
                raise SettingError(message, field=f"branches.{index}.port")
            taken.add(branch.port)
        return self


class Branch(Transform[BranchConfig]):
    """Send each row to the first port whose condition it meets."""

    slug, label, group, icon = "branch", "Branch", "Rows", "call_split"
    outputs = (_ELSE,)
    Config = BranchConfig
    order, is_kept = "kept", True
    example = {"branches": [{"port": "large", "condition": "total >= 1000"}]}

    def output_ports(self, config: BranchConfig) -> tuple[str, ...]:
        return (*(branch.port for branch in config.branches), _ELSE)

    def sql(self, config: BranchConfig, inputs: Mapping[str, Schema], context: Context) -> str:
        cases = " ".join(
            f"WHEN {to_sql(branch.condition, inputs['in'], context.parameters)} "
            f"THEN '{branch.port}'"
            for branch in config.branches
        )
        return f"SELECT *, CASE {cases} ELSE '{_ELSE}' END AS {quote(OUTPUT)} FROM \"in\""

    def check(
        self, config: BranchConfig, inputs: Mapping[str, Schema], context: Context
    ) -> Iterable[Issue]:
        for index, branch in enumerate(config.branches):
            for issue in check(branch.condition, inputs["in"], context.parameters, boolean=True):
                yield issue.model_copy(update={"field": f"branches.{index}.condition"})


KIND = Branch
