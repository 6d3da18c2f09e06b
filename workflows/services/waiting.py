"""Why a run is not running: the most fundamental obstacle, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import Count, OuterRef, Q, Subquery
from django.utils import timezone

from workers.models import Pool, PoolSample
from workflows.models import OPEN_STATES, Run, RunState

#: Pools are sampled every 30 seconds; more than two samples missed is silence.
SILENT_AFTER = timedelta(seconds=75)
#: A free slot is taken within seconds; after so long something holds the workers back.
_TAKEN_WITHIN = timedelta(minutes=1)
#: A start this near is not "later": workers look every few seconds.
_SOON = timedelta(seconds=5)
_TAKES_A_SLOT = (RunState.PENDING, RunState.RUNNING, RunState.CANCELLING)
_MAY_WAIT = frozenset({RunState.SCHEDULED, RunState.PENDING, RunState.PAUSED})
#: Prefect's word for a run that its workflow's own limit holds back.
_LIMITED = "AwaitingConcurrencySlot"
_LATEST_SAMPLE = (
    PoolSample.objects.filter(pool=OuterRef("pk")).order_by("-taken_at").values("taken_at")[:1]
)


class Obstacle(StrEnum):
    RUN_PAUSED = "run_paused"
    STARTING = "starting"
    SCHEDULED_LATER = "scheduled_later"
    CONCURRENCY_LIMIT = "concurrency_limit"
    POOL_GONE = "pool_gone"
    PREFECT_AWAY = "prefect_away"
    POOL_PAUSED = "pool_paused"
    NO_WORKER = "no_worker"
    POOL_FULL = "pool_full"
    NOT_TAKEN = "not_taken"
    NEXT = "next"


@dataclass(frozen=True, slots=True)
class Waiting:
    """``text`` for people; ``holders`` are the runs that must end first."""

    obstacle: Obstacle
    text: str
    until: datetime | None = None
    holders: tuple[Run, ...] = ()
    #: Id of the pool, where it is the pool's.
    pool: int | None = None

    def holders_seen_by(self, viewer: Any) -> list[Run]:
        """Runs of other teams are counted, never named."""
        return [run for run in self.holders if viewer.has_perm("workflows.view_run", run)]


@dataclass(frozen=True, slots=True)
class PoolNow:
    """``heard_at`` = when Prefect last told of the pool; None = it never did."""

    limit: int
    is_paused: bool
    workers_online: int
    heard_at: datetime | None
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Occupancy:
    """What is known of all pools, by name, and the runs that hold their slots."""

    pools: Mapping[str, PoolNow]
    holders: tuple[Run, ...]


def may_wait(run: Run) -> bool:
    return run.state in _MAY_WAIT


def occupancy() -> Occupancy:
    """From our own tables, in two queries; slots bound the number of holders."""
    online = Count("workers", filter=Q(workers__is_online=True))
    pools = Pool.objects.annotate(online=online, heard_at=Subquery(_LATEST_SAMPLE))
    # The first filter makes the partial index on open runs usable.
    holders = Run.objects.filter(state__in=OPEN_STATES).filter(state__in=_TAKES_A_SLOT)
    return Occupancy(
        pools={
            pool.name: PoolNow(
                pool.concurrency_limit, pool.is_paused, pool.online, pool.heard_at, pool.pk
            )
            for pool in pools
        },
        holders=tuple(holders.select_related("workflow").order_by("started_at", "created_at")),
    )


def waiting(run: Run, seen: Occupancy, now: datetime) -> Waiting | None:
    """The one reason why ``run`` is not running; None when it runs or has ended."""
    if not may_wait(run):
        return None
    if run.state == RunState.PAUSED:
        return Waiting(Obstacle.RUN_PAUSED, "the run is paused in Prefect; resume it there")
    if run.state == RunState.PENDING:
        return Waiting(Obstacle.STARTING, "a worker has taken the run and starts its process")
    return _held_back(run, seen, now) or _in_pool(run, seen, now)


def _held_back(run: Run, seen: Occupancy, now: datetime) -> Waiting | None:
    """What lies in the run itself, whatever its pool."""
    if run.state_name == _LIMITED:
        same = tuple(one for one in seen.holders if one.workflow_id == run.workflow_id)
        text = "its workflow already runs as often at a time as its concurrency limit allows"
        return Waiting(Obstacle.CONCURRENCY_LIMIT, text, holders=same)
    if run.expected_at is None or run.expected_at <= now + _SOON:
        return None
    what = "it is tried again" if run.state_name == "AwaitingRetry" else "it is scheduled"
    text = f"{what} for {_clock(run.expected_at)}"
    return Waiting(Obstacle.SCHEDULED_LATER, text, until=run.expected_at)


def _in_pool(run: Run, seen: Occupancy, now: datetime) -> Waiting:
    name = run.pool
    pool = seen.pools.get(name)
    if pool is None:
        text = f"pool '{name}' does not exist any more; cancel the run and start it again"
        return Waiting(Obstacle.POOL_GONE, text)
    if pool.heard_at is not None and pool.heard_at < now - SILENT_AFTER:
        text = f"nothing was heard of Prefect since {_clock(pool.heard_at)}; check that it answers"
        return Waiting(Obstacle.PREFECT_AWAY, text)
    if pool.is_paused:
        return Waiting(Obstacle.POOL_PAUSED, f"pool '{name}' is paused; resume it", pool=pool.id)
    if not pool.workers_online:
        text = f"no worker of pool '{name}' is online; start one"
        return Waiting(Obstacle.NO_WORKER, text, pool=pool.id)
    holders = tuple(run for run in seen.holders if run.pool == name)
    if len(holders) >= pool.limit:
        text = f"pool '{name}' is full: {len(holders)} of {pool.limit} slots are taken"
        return Waiting(Obstacle.POOL_FULL, text, holders=holders, pool=pool.id)
    due = run.expected_at or run.created_at
    if due < now - _TAKEN_WITHIN:
        text = (
            f"pool '{name}' has a free slot, but none of its workers has taken the run since "
            f"{_clock(due)}; look at their logs, and at the pool's queues in Prefect"
        )
        return Waiting(Obstacle.NOT_TAKEN, text, pool=pool.id)
    text = f"pool '{name}' has a free slot; a worker takes the run shortly"
    return Waiting(Obstacle.NEXT, text, pool=pool.id)


def _clock(at: datetime) -> str:
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S %Z")
