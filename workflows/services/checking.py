"""What is to be said of a definition while somebody edits it: findings, ports, columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.graph import Ports, ports_of
from engine.issue import Issue
from engine.plan import Step
from engine.registry import kinds
from engine.schema import Schema
from workflows.definition import Definition
from workflows.models import Workflow
from workflows.services.deploying import compile_now


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
    steps = [
        Step(key=node.key, name=node.key, kind=node.kind, config=node.config)
        for node in definition.nodes
    ]
    return Checked(
        compiled.issues,
        not compiled.errors,
        compiled.schemas,
        {step.key: ports_of(step, kinds()) for step in steps},
    )
