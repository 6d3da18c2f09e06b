"""Which stages of a restarted run have still to run, and which rows are taken over.

A restarted run executes its own plan, which may have changed since. What it takes over:

- a target that ended well is not written again, and what fed only such targets is not read;
- rows that an earlier run kept are read back where the hash of their step still matches:
  its settings, those of every step before it, the connections read and the parameters;
- ``anew`` names steps that run whatever there is of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.kind import AnyKind
from engine.plan import Frozen, Plan, Step, canonical_json
from engine.restarting.checkpoints import Checkpoint
from engine.stages.optimizer import Stage

#: Grows when the same plan no longer gives the same rows, or checkpoints another form.
_FORM = 1


#: From where a run is restarted when no node is named.
FAILED = "failed"


class Restart(Frozen):
    """What a run takes over from those before it; made where runs are known."""

    #: Id of the first run: checkpoints of all its restarts lie together.
    root: str
    #: "failed", or the key of the node from which on all is run anew; for people.
    start: str = FAILED
    #: Keys of steps that ended well.
    done: tuple[str, ...] = ()
    anew: tuple[str, ...] = ()
    #: Step → id of the run as part of which it is loaded; those not named, as part of this.
    loads: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Course:
    """A plan's stages, sorted by what becomes of them."""

    run: tuple[Stage, ...]
    #: Stage → the rows it is given instead of being run.
    restored: Mapping[str, Checkpoint] = field(default_factory=dict)
    #: Steps that are not run: restored, or needed by nobody.
    reused: tuple[Step, ...] = ()


def course(
    stages: Sequence[Stage], restart: Restart | None, found: Mapping[str, Checkpoint]
) -> Course:
    """``found`` are the checkpoints that match, by stage."""
    if restart is None:
        return Course(tuple(stages))
    usable = {key: one for key, one in found.items() if key not in restart.anew}
    while True:
        chosen = _course(stages, restart, usable)
        refused = _behind(chosen)
        if not refused:
            return chosen
        usable = {key: one for key, one in usable.items() if key not in refused}


def _course(stages: Sequence[Stage], restart: Restart, usable: Mapping[str, Checkpoint]) -> Course:
    is_read = {key for stage in stages for key in stage.reads}
    wanted = {s.key for s in stages if s.key not in is_read and not _is_done(s, restart)}
    run: list[Stage] = []
    restored: dict[str, Checkpoint] = {}
    for stage in reversed(stages):
        if stage.key in wanted and stage.key in usable:
            restored[stage.key] = usable[stage.key]
        elif stage.key in wanted:
            run.insert(0, stage)
            wanted.update(stage.reads)
    reused = tuple(step for stage in stages if stage not in run for step in stage.steps)
    return Course(tuple(run), restored, reused)


def _is_done(stage: Stage, restart: Restart) -> bool:
    return stage.key in restart.done and stage.key not in restart.anew


def _behind(chosen: Course) -> set[str]:
    """Checkpoints that would move a watermark beyond their rows: what they read incrementally
    is read anew by others, or was read up to another value.
    """
    running = {step.key for stage in chosen.run for step in stage.steps}
    values: dict[str, set[str | None]] = {}
    for one in chosen.restored.values():
        for mark in one.watermarks:
            values.setdefault(mark.source, set()).add(mark.after)
    unsafe = {source for source, upto in values.items() if source in running or len(upto) > 1}
    return {
        key
        for key, one in chosen.restored.items()
        if any(mark.source in unsafe for mark in one.watermarks)
    }


def fingerprints(
    plan: Plan, kinds: Mapping[str, AnyKind], parameters: Mapping[str, Any]
) -> dict[str, str]:
    """Step → SHA-256 of all that decides about its rows but the data that is read.

    A connection counts by its options: a new password reads the same rows.
    """
    found: dict[str, str] = {}
    for step in plan.steps:
        slugs = kinds[step.kind].connections(kinds[step.kind].Config.model_validate(step.config))
        read = [plan.connections[slug] for slug in slugs if slug in plan.connections]
        decides = [
            _FORM,
            step.key,
            [step.kind, step.kind_version, step.config],
            [[edge.port, edge.output, found[edge.step]] for edge in step.inputs],
            [found[key] for key in step.after],
            [[connection.connector, connection.options] for connection in read],
            dict(parameters),
        ]
        found[step.key] = hashlib.sha256(canonical_json(decides)).hexdigest()
    return found
