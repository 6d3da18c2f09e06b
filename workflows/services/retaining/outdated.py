"""What would go now, and the space it takes, here and in Prefect."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.db import connection
from django.db.models import Count, QuerySet
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from workers.prefect.current import gateway
from workers.prefect.gateway import GatewayError
from workers.prefect.space import NotReachable, PrefectSpace, prefect_space
from workers.space import Space, space_of
from workflows.models import LogLine, NodeRun, RetentionPolicy, Run, RunLog, Team
from workflows.services.retaining.crowded import old_runs_by_team
from workflows.services.retaining.policies import (
    OldRows,
    in_force,
    old_entries_of_nobody,
    old_rows,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outdated:
    """Rows of a team that go; ``size_bytes`` is their share of their tables, None = not known."""

    team: str
    what: str
    count: int
    size_bytes: int | None

    @property
    def space(self) -> str:
        if self.size_bytes is None:
            return "not known: Prefect's database is not reachable"
        return f"about {filesizeformat(self.size_bytes)}"


def outdated(teams: QuerySet[Team] | None = None) -> list[Outdated]:
    """What would go now, by team, without what there is nothing of; ``teams`` None = all."""
    looked_at = Team.objects.all() if teams is None else teams
    names, now = dict(looked_at.values_list("pk", "name")), timezone.now()
    space, there = cache(_space), _prefect_space()
    found: list[Outdated] = []
    for sharing in in_force(looked_at):
        of_runs = space(_tables_of_runs(sharing.policy))
        for team, count in old_runs_by_team(sharing, now).items():
            in_prefect = there.runs.share(count) if there else None
            found.append(Outdated(names[team], "runs", count, of_runs.share(count)))
            found.append(Outdated(names[team], "runs in Prefect", count, in_prefect))
        for old in old_rows(sharing, now):
            for team, count in _by_team(old):
                size = space((old.rows.model._meta.db_table,)).share(count)
                found.append(Outdated(names[team], old.what, count, size))
    if teams is None and (count := (entries := old_entries_of_nobody(now)).count()):
        size = space((entries.model._meta.db_table,)).share(count)
        found.append(Outdated("no team", "audit entries", count, size))
    return sorted(found, key=lambda line: line.team)


def prefect_tables() -> str:
    """All that Prefect keeps, whoever it belongs to; for who may see every team."""
    if there := _prefect_space():
        runs, events = (filesizeformat(one.size_bytes) for one in (there.runs, there.events))
        return (
            f"Prefect's tables of runs take {runs} with about {there.runs.rows} runs, and its "
            f"events, which it removes by itself, {events}"
        )
    try:
        kept = gateway().kept()
    except GatewayError as error:
        return f"Prefect's space is not known, and Prefect does not answer: {error}"
    return (
        "Prefect's space is not known: its database is not reachable "
        f"(FLOWADMIN_PREFECT_DATABASE_URL); it keeps {kept.runs} runs, {kept.task_runs} task runs"
    )


def _by_team(old: OldRows) -> list[tuple[int, int]]:
    counted = old.rows.order_by().values_list(old.team).annotate(Count("pk"))
    return list(counted)


def _tables_of_runs(policy: RetentionPolicy) -> tuple[str, ...]:
    """Lines that are let go before their run are told by themselves."""
    models = [Run, NodeRun, RunLog, *([] if policy.log_days < policy.run_days else [LogLine])]
    return tuple(model._meta.db_table for model in models)


def _space(tables: tuple[str, ...]) -> Space:
    with connection.cursor() as cursor:
        return space_of(cursor, tables)


def _prefect_space() -> PrefectSpace | None:
    try:
        return prefect_space(settings.FLOWADMIN_PREFECT_DATABASE_URL)
    except NotReachable as error:
        log.info("the space in Prefect is not known: %s", error)
        return None
