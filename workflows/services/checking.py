"""What is to be said of a definition while somebody edits it: findings, ports, columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.graph import Ports, ports_of
from engine.issue import Issue
from engine.plan import Step
from engine.registry import kinds
from engine.schema import Schema
from workflows.definition import Definition
from workflows.models import Workflow
from workflows.services.deploying import compile_now
from workflows.services.storable import problems_of


@dataclass(frozen=True, slots=True)
class Checked:
    issues: tuple[Issue, ...]
    can_register: bool
    #: Node → columns at its output; None where they are not known.
    schemas: Mapping[str, Schema | None]
    ports: Mapping[str, Ports]


def check(workflow: Workflow, definition: Definition) -> Checked:
    """Nothing is stored, and nothing is read but catalogs; of the workflow, its team is used."""
    compiled = compile_now(workflow, definition, 1)
    refused = _unsaid(problems_of(definition, workflow.team), compiled.issues)
    steps = [
        Step(key=node.key, name=node.key, kind=node.kind, config=node.config)
        for node in definition.nodes
    ]
    return Checked(
        (*refused, *compiled.issues),
        not (refused or compiled.errors),
        compiled.schemas,
        {step.key: ports_of(step, kinds()) for step in steps},
    )


def _unsaid(problems: Iterable[Issue], issues: Iterable[Issue]) -> list[Issue]:
    """What saving would refuse, without what the compiler has found too."""
    said = {(issue.code, issue.node, issue.field) for issue in issues}
    return [one for one in problems if (one.code, one.node, one.field) not in said]
