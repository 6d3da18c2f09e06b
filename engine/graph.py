"""The shape of a workflow: its order, its ports and the settings of its nodes.

Everything here is pure and collects every finding instead of stopping at the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from engine.configuring import parse_config
from engine.issue import Issue
from engine.kind import AnyKind, NodeConfig, Target
from engine.plan import Step
from engine.suggestion import unknown


@dataclass(frozen=True, slots=True)
class Ordered:
    """Steps in topological order, and what is wrong with the way they are connected.

    Steps on a cycle, and those fed by one, have no place in an order and are left out.
    """

    steps: tuple[Step, ...]
    issues: list[Issue]


def order(steps: Sequence[Step], kinds: Mapping[str, AnyKind]) -> Ordered:
    """Sort steps so that each comes after its inputs, and check every connection.

    Issues: ``empty``, ``duplicate_node``, ``unknown_kind``, ``unknown_node``, ``cycle``,
    ``port_missing``, ``port_taken``, ``port_unknown``, ``unconnected``, ``no_target``.
    """
    if not steps:
        return Ordered((), [Issue(code="empty", message="the workflow has no nodes; add a source")])
    by_key = {step.key: step for step in steps}
    ordered, cycle = _sort(by_key)
    return Ordered(ordered, [*_duplicates(steps), *cycle, *_check(by_key, kinds)])


def upstream(steps: Sequence[Step], key: str) -> tuple[Step, ...]:
    """The step called ``key`` and all that its rows come from, in the order of ``steps``."""
    by_key = {step.key: step for step in steps}
    wanted = {key}
    waiting = [key]
    while waiting:
        step = by_key.get(waiting.pop())
        for edge in step.inputs if step else ():
            if edge.step not in wanted:
                wanted.add(edge.step)
                waiting.append(edge.step)
    return tuple(step for step in steps if step.key in wanted)


def parse_configs(
    steps: Sequence[Step], kinds: Mapping[str, AnyKind]
) -> tuple[dict[str, NodeConfig], list[Issue]]:
    """Each step's settings as its kind's Config; steps that do not pass are left out.

    Steps of an unknown kind are passed over: ``order`` reports them.
    Issues: ``setting_unknown``, ``setting_missing``, ``setting_invalid``.
    """
    configs: dict[str, NodeConfig] = {}
    issues: list[Issue] = []
    for step in steps:
        if step.kind in kinds:
            config, found = parse_config(kinds[step.kind].Config, step.config)
            issues.extend(issue.at(step.key) for issue in found)
            if config is not None:
                configs[step.key] = config
    return configs, issues


def targets_of(source: Step, steps: Sequence[Step], kinds: Mapping[str, AnyKind]) -> list[Step]:
    """The targets that rows of ``source`` reach; ``steps`` are in topological order."""
    reached = {source.key}
    for step in steps:
        if any(edge.step in reached for edge in step.inputs):
            reached.add(step.key)
    return [s for s in steps if s.key in reached and isinstance(kinds[s.kind], Target)]


def _sort(by_key: Mapping[str, Step]) -> tuple[tuple[Step, ...], list[Issue]]:
    sorter = TopologicalSorter(
        {key: [k for k in _before(step) if k in by_key] for key, step in by_key.items()}
    )
    issues: list[Issue] = []
    try:
        sorter.prepare()
    except CycleError as error:
        issues.append(_cycle(error.args[1]))
    ordered: list[Step] = []
    while ready := sorter.get_ready():
        ordered.extend(by_key[key] for key in ready)
        sorter.done(*ready)
    return tuple(ordered), issues


def _before(step: Step) -> list[str]:
    """Keys of the steps that come before it, whether or not rows do."""
    return [*(edge.step for edge in step.inputs), *step.after]


def _cycle(keys: Sequence[str]) -> Issue:
    path = " → ".join(f"'{key}'" for key in keys)
    message = f"nodes form a cycle: {path}; rows cannot flow in a circle, remove one dependency"
    return Issue(code="cycle", message=message, node=keys[0])


def _duplicates(steps: Sequence[Step]) -> Iterator[Issue]:
    for key, count in Counter(step.key for step in steps).items():
        if count > 1:
            message = f"{count} nodes have the key '{key}'; keys must be unique, rename one"
            yield Issue(code="duplicate_node", message=message, node=key)


def _check(by_key: Mapping[str, Step], kinds: Mapping[str, AnyKind]) -> Iterator[Issue]:
    """Kinds and ports. An unknown kind has unknown ports, so nothing is said about them."""
    read = {(edge.step, edge.output) for step in by_key.values() for edge in step.inputs}
    for step in by_key.values():
        if step.kind not in kinds:
            message = unknown("kind", step.kind, sorted(kinds))
            yield Issue(code="unknown_kind", message=message, node=step.key)
            continue
        yield from _check_inputs(step, by_key, kinds)
        for output in ports_of(step, kinds).outputs or ():
            if (step.key, output) not in read:
                message = f"rows of node '{step.key}' go nowhere; connect its port '{output}'"
                yield Issue(code="unconnected", message=message, node=step.key)
    roles = {kinds[step.kind].role if step.kind in kinds else "unknown" for step in by_key.values()}
    if not roles & {"target", "unknown"}:
        yield Issue(code="no_target", message="the workflow writes nowhere; add a target")


def _check_inputs(
    step: Step, by_key: Mapping[str, Step], kinds: Mapping[str, AnyKind]
) -> Iterator[Issue]:
    ports = ports_of(step, kinds).inputs
    edges = Counter(edge.port for edge in step.inputs)
    for port, count in edges.items():
        if ports is not None and port not in ports:
            yield _unknown_port(step.key, "input", port, ports)
        elif count > 1:
            message = f"port '{port}' of node '{step.key}' has {count} inputs; it takes one"
            yield Issue(code="port_taken", message=message, node=step.key)
    for port in ports or ():
        if port not in edges:
            message = f"port '{port}' of node '{step.key}' has no input; connect a node to it"
            yield Issue(code="port_missing", message=message, node=step.key)
    for key in _before(step):
        if key not in by_key:
            message = unknown("node", key, by_key)
            yield Issue(code="unknown_node", message=message, node=step.key)
    for edge in step.inputs:
        if edge.step not in by_key:
            continue
        outputs = ports_of(by_key[edge.step], kinds).outputs
        if outputs is not None and edge.output not in outputs:
            yield _unknown_port(edge.step, "output", edge.output, outputs)


@dataclass(frozen=True, slots=True)
class Ports:
    """Names of a step's ports; None where they are not known."""

    inputs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None


def ports_of(step: Step, kinds: Mapping[str, AnyKind]) -> Ports:
    """The ports of a step; unknown of an unknown kind, and where its settings do not pass."""
    kind = kinds.get(step.kind)
    if kind is None:
        return Ports()
    if not kind.has_ports_by_config:
        return Ports(kind.inputs, kind.outputs)
    config, _ = parse_config(kind.Config, step.config)
    return Ports(kind.input_ports(config), kind.output_ports(config)) if config else Ports()


def _unknown_port(node: str, side: str, port: str, ports: Sequence[str]) -> Issue:
    known = f"it has {', '.join(ports)}" if ports else f"it has no {side} ports"
    message = f"node '{node}' has no {side} port '{port}'; {known}"
    return Issue(code="port_unknown", message=message, node=node)
