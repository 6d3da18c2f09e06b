"""What a worker knows about each step of a plan: its kind, its settings, its name in SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.errors import PlanError
from engine.graph import parse_configs
from engine.kind import AnyKind, Context, NodeConfig, Source
from engine.plan import Plan, Step
from engine.stages.optimizer import Stage


@dataclass(frozen=True, slots=True)
class Nodes:
    """Answers by step; ``names`` are the relations' names in SQL, by step key."""

    steps: tuple[Step, ...]
    kinds: Mapping[str, AnyKind]
    configs: Mapping[str, NodeConfig]
    names: Mapping[str, str]
    context: Context

    @classmethod
    def of(cls, plan: Plan, kinds: Mapping[str, AnyKind], parameters: Mapping[str, Any]) -> Nodes:
        """Raises ``PlanError`` where this worker knows kinds differently."""
        configs, issues = parse_configs(plan.steps, kinds)
        for issue in issues:
            raise PlanError(f"{issue}; bring FlowAdmin and its workers to the same version")
        names = {step.key: f"node {i}" for i, step in enumerate(plan.steps)}
        return cls(tuple(plan.steps), kinds, configs, names, Context(parameters))

    def kind(self, step: Step) -> Any:
        return self.kinds[step.kind]

    def config(self, step: Step) -> Any:
        return self.configs[step.key]

    def is_a(self, role: type[AnyKind], step: Step) -> bool:
        return isinstance(self.kind(step), role)

    def sources(self, stage: Stage) -> list[Step]:
        """The steps of a stage that read a connection, in its order."""
        return [step for step in stage.steps if self.is_a(Source, step)]

    def reads(self, stage: Stage) -> Counter[str]:
        """Slugs of the connections that a stage reads, and how often."""
        return Counter(self.config(step).connection for step in self.sources(stage))

    def sessions(self, step: Step) -> int:
        """By how many sessions a source may be read."""
        found: int = self.kind(step).sessions(self.config(step))
        return found
