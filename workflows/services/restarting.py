"""What the retry of a run takes over from it."""

from __future__ import annotations

from collections.abc import Mapping

from engine.kind import Target
from engine.registry import kinds
from engine.restarting.restart import FAILED, Restart
from workflows.definition import Definition
from workflows.models import Run, RunState


def restart_of(run: Run, definition: Definition, node: str = "") -> Restart:
    """Go on from where ``run`` failed, with ``definition``; ``node`` and what follows anew.

    A load keeps the id of the run that it was first part of: the ledger of its target knows
    it by that, and does not apply it again.
    """
    anew = _following(node, definition) if node else frozenset[str]()
    before = Restart.model_validate(run.restart) if run.restart else Restart(root=str(run.pk))
    done = run.node_runs.filter(state=RunState.COMPLETED).values_list("node_key", flat=True)
    return Restart(
        root=before.root,
        start=node or FAILED,
        done=tuple(key for key in done if key not in anew),
        anew=tuple(sorted(anew)),
        loads={
            key: before.loads.get(key, str(run.pk))
            for key in _targets(definition)
            if key not in anew
        },
    )


def _following(node: str, definition: Definition) -> frozenset[str]:
    """The node and all that rows from it reach."""
    readers: Mapping[str, list[str]] = {one.key: [] for one in definition.nodes}
    for edge in definition.dependencies:
        readers[edge.source].append(edge.target)
    found: set[str] = set()
    waiting = [node]
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting += readers[key]
    return frozenset(found)


def _targets(definition: Definition) -> list[str]:
    known = kinds()
    return [n.key for n in definition.nodes if isinstance(known.get(n.kind), Target)]
