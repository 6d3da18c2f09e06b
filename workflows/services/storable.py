"""What rows cannot hold, found before anything is written.

Everything else that may be wrong with a workflow is stored and reported by the compiler.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from django.core.exceptions import ValidationError

from engine.issue import Issue
from engine.suggestion import unknown
from workers.capacity import pools_for
from workflows.definition import Definition, ScheduleDefinition
from workflows.models import Schedule, Team


def problems_of(definition: Definition, team: Team) -> list[Issue]:
    """Every reason why ``team`` cannot have the rows of this definition."""
    return [
        *_text(definition),
        *_keys(definition),
        *_dependencies(definition),
        *_schedules(definition),
        *_pool(definition, team),
    ]


def _text(definition: Definition) -> Iterator[Issue]:
    parts = [("", definition.model_dump(exclude={"nodes"}))]
    parts += [(node.key, node.model_dump()) for node in definition.nodes]
    for node, part in parts:
        if reason := _why_not_json(part):
            yield Issue(code="not_storable", message=reason, node=node.replace("\x00", "?"))


def _why_not_json(value: object) -> str:
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, default=str)
        text.encode()
    except UnicodeEncodeError:
        return "a text holds half of a surrogate pair, which no database stores; remove it"
    except ValueError:
        return "a number is NaN or infinite, which JSON cannot hold; use a finite number"
    if "\\u0000" in text.replace("\\\\", ""):
        return "a text holds the NUL character, which PostgreSQL cannot store; remove it"
    return ""


def _keys(definition: Definition) -> Iterator[Issue]:
    for key, count in Counter(node.key for node in definition.nodes).items():
        if count > 1:
            message = f"{count} nodes have the key '{key}'; keys must be unique, rename one"
            yield Issue(code="duplicate_node", message=message, node=key)


def _dependencies(definition: Definition) -> Iterator[Issue]:
    keys = {node.key: None for node in definition.nodes}
    for edge, count in Counter(definition.dependencies).items():
        for key in dict.fromkeys((edge.source, edge.target)):
            if key not in keys:
                where = f"dependency '{edge.source}' → '{edge.target}': "
                message = where + unknown("node", key, keys)
                other = edge.target if key == edge.source else edge.source
                node = other if other in keys else ""
                yield Issue(code="unknown_node", message=message, node=node)
        if edge.source == edge.target:
            message = f"node '{edge.source}' depends on itself; remove that dependency"
            yield Issue(code="cycle", message=message, node=edge.source)
        if count > 1:
            message = f"dependency '{edge.source}' → '{edge.target}' is given {count} times"
            yield Issue(code="duplicate_dependency", message=message, node=edge.target)


def _schedules(definition: Definition) -> Iterator[Issue]:
    for slug, count in Counter(entry.slug for entry in definition.schedules).items():
        if count > 1:
            message = f"{count} schedules are called '{slug}'; rename one"
            yield Issue(code="duplicate_schedule", message=message, field="schedules")
    for index, entry in enumerate(definition.schedules):
        yield from _schedule(entry, f"schedules.{index}")


def _schedule(entry: ScheduleDefinition, field: str) -> Iterator[Issue]:
    try:
        schedule_row(entry).clean_fields(exclude=["workflow"])
    except ValidationError as error:
        for name, messages in error.message_dict.items():
            for message in messages:
                yield Issue(code=_code(name), message=message, field=f"{field}.{name}")
    given = [name for name in ("cron", "interval_seconds", "run_at") if getattr(entry, name)]
    if len(given) != 1:
        has = " and ".join(given) or "none of them"
        message = (
            f"schedule '{entry.slug}' has {has}; set exactly one of cron, interval_seconds, run_at"
        )
        yield Issue(code="schedule_ambiguous", message=message, field=field)


def _code(field: str) -> str:
    return {"cron": "bad_cron", "timezone": "bad_timezone"}.get(field, "bad_schedule")


def schedule_row(entry: ScheduleDefinition) -> Schedule:
    """The row of a schedule, without its workflow."""
    interval = entry.interval_seconds
    return Schedule(
        slug=entry.slug,
        cron=entry.cron,
        interval=timedelta(seconds=interval) if interval else None,
        run_at=entry.run_at,
        timezone=entry.timezone,
        is_active=entry.is_active,
    )


def _pool(definition: Definition, team: Team) -> Iterator[Issue]:
    name = definition.preferred_pool
    if not name:
        return
    known = list(pools_for(team).values_list("name", flat=True))
    if name not in known:
        message = unknown("pool", name, known)
        yield Issue(code="unknown_pool", message=message, field="preferred_pool")
