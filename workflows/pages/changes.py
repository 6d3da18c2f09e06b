"""What is different in a run from the last one that went well."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workers.pages.formats import NOTHING, count, duration
from workflows.models import NodeRun, Run, RunState

#: That are told of each node; a table that was made anew may differ in all.
_MOST_COLUMNS = 8


@dataclass(frozen=True, slots=True)
class Change:
    what: str
    before: str
    now: str


def last_good_run(run: Run) -> Run | None:
    """The latest completed run before this one, with its version and nodes."""
    earlier = Run.objects.filter(workflow_id=run.workflow_id, state=RunState.COMPLETED)
    earlier = earlier.filter(created_at__lt=run.created_at).select_related("version")
    return earlier.prefetch_related("node_runs").first()


def changes(good: Run, run: Run) -> list[Change]:
    """Version, nodes, parameters, pool, columns, time and rows, where they are not the same."""
    found = [
        Change("Version", _version(good), _version(run)),
        *_definition(good, run),
        Change("Parameters", _words(good.parameters), _words(run.parameters)),
        Change("Pool", good.pool or NOTHING, run.pool or NOTHING),
        *_columns(good.node_runs.all(), run.node_runs.all()),
        Change("Duration", duration(good.duration_seconds), duration(run.duration_seconds)),
        *_rows(good.node_runs.all(), run.node_runs.all()),
    ]
    return [change for change in found if change.before != change.now]


def _version(run: Run) -> str:
    return f"v{run.version.number}" if run.version else NOTHING


def _words(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in sorted(parameters.items())) or NOTHING


def _definition(good: Run, run: Run) -> Iterator[Change]:
    """Nodes that came, went or have another kind or config."""
    if good.version is None or run.version is None or good.version == run.version:
        return
    before, now = _nodes(good.version.definition), _nodes(run.version.definition)
    for key in {**before, **now}:
        if key not in now:
            yield Change(f"Node '{key}'", "there", "removed")
        elif key not in before:
            yield Change(f"Node '{key}'", NOTHING, "added")
        elif before[key] != now[key]:
            changed = [part for part in now[key] if now[key][part] != before[key].get(part)]
            yield Change(f"Node '{key}'", "as it was", f"changed: {', '.join(changed)}")


def _nodes(definition: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {node["key"]: node for node in definition.get("nodes", [])}


def _columns(good: Iterable[NodeRun], now: Iterable[NodeRun]) -> Iterator[Change]:
    """Of sources and targets whose columns both runs saw."""
    before = {row.node_key: row.columns for row in good}
    for row in now:
        old, new = before.get(row.node_key), row.columns
        if not old or not new:
            continue
        changed = sorted(n for n in {**old, **new} if old.get(n) != new.get(n))
        node = row.node_name or row.node_key
        for name in changed[:_MOST_COLUMNS]:
            type_ = new.get(name, "removed") if name in old else f"added: {new[name]}"
            yield Change(f"Column '{name}' of '{node}'", old.get(name, NOTHING), type_)
        if len(changed) > _MOST_COLUMNS:
            more = count(len(changed) - _MOST_COLUMNS)
            yield Change(f"More columns of '{node}'", NOTHING, f"{more} changed")


def _rows(good: Iterable[NodeRun], now: Iterable[NodeRun]) -> Iterator[Change]:
    """Rows out of the nodes that counted them in both runs."""
    before = {row.node_key: row.rows_out for row in good}
    for row in now:
        old, new = before.get(row.node_key), row.rows_out
        if old is not None and new is not None and old != new:
            what = f"Rows of '{row.node_name or row.node_key}'"
            yield Change(what, count(old), f"{count(new)}{_percent(old, new)}")


def _percent(old: int, new: int) -> str:
    return f" ({100 * (new - old) / old:+,.0f} %)" if old else ""
