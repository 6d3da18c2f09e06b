"""Plan → stages: which steps run as one query, and where rows are materialized.

A stage is a tree of steps that ends at its sink: a target, or a step whose rows are kept,
because they are read more than once, by nobody, or only when all of them are there, or
because a restart is to go on from them. Inside
a stage rows stream from step to step; between stages they wait in a table of the run's
DuckDB session.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.kind import AnyKind, Function, Transform
from engine.plan import Step

#: Where rows are gathered, or read from files.
THREADS = 2
#: Deeper queries cost DuckDB more to plan than a materialization costs to write.
MAX_STEPS = 64


@dataclass(frozen=True, slots=True)
class Stage:
    """Steps that run as one query, inputs before their readers; the last is the sink."""

    key: str
    steps: tuple[Step, ...]
    #: Keys of steps that earlier stages materialized and this one reads.
    reads: tuple[str, ...]

    @property
    def sink(self) -> Step:
        return self.steps[-1]

    @property
    def retries(self) -> int:
        """How often the stage may run again: as its most patient step allows."""
        return max(step.retries for step in self.steps)

    @property
    def retry_delay_seconds(self) -> float:
        """Seconds between attempts: the longest that a step with retries asks for."""
        delays = (step.retry_delay_seconds for step in self.steps if step.retries)
        return max(delays, default=self.sink.retry_delay_seconds)

    @property
    def timeout_seconds(self) -> float | None:
        """The tightest of its steps' limits: they run together, so they end together."""
        limits = [step.timeout_seconds for step in self.steps if step.timeout_seconds]
        return min(limits, default=None)


def stages(
    steps: Sequence[Step], kinds: Mapping[str, AnyKind], *, max_steps: int = MAX_STEPS
) -> tuple[Stage, ...]:
    """Cut steps (in topological order) into stages, each after those it reads."""
    steps = [_in_port_order(step, kinds[step.kind]) for step in steps]
    readers = Counter(edge.step for step in steps for edge in step.inputs)
    fused: dict[str, tuple[Step, ...]] = {}  # step → its tree, up to materialized steps
    found: dict[str, Stage] = {}
    for step in steps:
        _cut(step, fused, found, 1 if isinstance(kinds[step.kind], Function) else max_steps)
        fused[step.key] = (*(part for key in _inputs(step) for part in fused.pop(key, ())), step)
        if readers[step.key] != 1 or step.checkpoint or _is_sink(kinds[step.kind]):
            found[step.key] = _stage(fused.pop(step.key))
    return tuple(found.values())


def threads_of(steps: Sequence[Step], kinds: Mapping[str, AnyKind]) -> int:
    """How many threads share the work of a stage.

    Databases give rows to one thread. Where each row is made of one row, there is nothing to
    do for a second one, and waiting it would take a processor for itself: DuckDB's Python
    client asks for work without a pause.
    """
    return max((_threads(kinds[step.kind]) for step in steps), default=1)


def _threads(kind: AnyKind) -> int:
    if isinstance(kind, Transform):
        return 1 if kind.order == "kept" and not kind.is_kept else THREADS
    return 1 if kind.medium == "database" else THREADS


def _is_sink(kind: AnyKind) -> bool:
    return kind.role == "target" or (isinstance(kind, Transform) and kind.is_kept)


def _in_port_order(step: Step, kind: AnyKind) -> Step:
    """The step with its inputs as its ports stand, not as somebody connected them.

    The query reads them in this order, and so does the profile that counts their rows.
    """
    if len(step.inputs) < 2:
        return step
    ports = kind.input_ports(kind.Config.model_validate(step.config))
    inputs = sorted(step.inputs, key=lambda edge: ports.index(edge.port))
    return step.model_copy(update={"inputs": tuple(inputs)})


def _cut(
    step: Step, fused: dict[str, tuple[Step, ...]], found: dict[str, Stage], max_steps: int
) -> None:
    """Materialize the largest inputs of ``step`` until it fits into one stage with the rest."""
    by_size = sorted((key for key in _inputs(step) if key in fused), key=lambda k: len(fused[k]))
    while by_size and 1 + sum(len(fused[key]) for key in by_size) > max_steps:
        largest = by_size.pop()
        found[largest] = _stage(fused.pop(largest))


def _stage(tree: tuple[Step, ...]) -> Stage:
    inside = {step.key for step in tree}
    reads = dict.fromkeys(key for step in tree for key in _inputs(step) if key not in inside)
    return Stage(tree[-1].key, tree, tuple(reads))


def _inputs(step: Step) -> tuple[str, ...]:
    return tuple(edge.step for edge in step.inputs)
