"""Desired against observed: what pools carry, and runs that would never end by themselves.

Prefect's automation ends runs whose heartbeat stops. It cannot see a run that died before
its first one, that waits for a process that never came, or that does not stop when told.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.core.cache import cache
from django.utils import timezone

from workers import signs
from workers.models import Pool, PoolSample, WorkerSeen
from workers.prefect.current import gateway
from workers.prefect.gateway import FlowRun, Worker

PENDING_AT_MOST = timedelta(minutes=2)
CANCELLING_AT_MOST = timedelta(seconds=60)
SILENT_AT_MOST = timedelta(seconds=90)
#: Silence counts only when it is found again this much later: a Prefect server that was
#: away has heard from nobody.
CONFIRMED_AFTER = timedelta(seconds=40)
SAMPLES_KEPT = timedelta(days=7)
OUR_TAG = "flowadmin"


def sample_pools() -> None:
    """Record load and workers of every pool. Raises ``GatewayError``."""
    now = timezone.now()
    for pool in Pool.objects.all():
        status = gateway().pool_status(pool.name)
        PoolSample.objects.create(
            pool=pool,
            taken_at=now,
            active=status.active,
            queued=status.queued,
            workers_online=status.workers_online,
        )
        _see_workers(pool, gateway().workers(pool.name))
        PoolSample.objects.filter(pool=pool, taken_at__lt=now - SAMPLES_KEPT).delete()


def ensure_zombie_automation() -> None:
    """Let Prefect itself crash runs whose heartbeat stops. Raises ``GatewayError``."""
    gateway().ensure_zombie_automation()


def crash_silent_runs() -> list[UUID]:
    """End what would not end by itself, and return it. Raises ``GatewayError``.

    A run that has ended meanwhile is left as it is.
    """
    states = ["PENDING", "RUNNING", "CANCELLING"]
    runs = gateway().runs(tag=OUR_TAG, states=states, limit=1_000)
    silent = _silent([run for run in runs if run.state == "RUNNING"], timezone.now())
    return [run.id for run in runs if _end(run, is_silent=run.id in silent)]


def _end(run: FlowRun, *, is_silent: bool) -> bool:
    """Whether the run was ended now."""
    age = timezone.now() - run.state_at
    if run.state == "CANCELLING" and age > CANCELLING_AT_MOST:
        return gateway().end_cancel(run.id, "canceled; its process did not say so in time")
    if run.state == "PENDING" and age > PENDING_AT_MOST:
        return gateway().crash_run(run.id, "a worker took the run, but its process never started")
    if is_silent:
        return gateway().crash_run(run.id, "no sign of life from the run's process")
    return False


def _silent(running: Sequence[FlowRun], now: datetime) -> set[UUID]:
    """Runs not heard from for long, now and some time ago."""
    old = [run.id for run in running if now - run.state_at > SILENT_AT_MOST]
    heard = gateway().heard_from(old, now - SILENT_AT_MOST) if old else set()
    signs.remember(heard)
    silent = set(old) - heard
    return {run_id for run_id in silent if now - _silent_since(run_id, now) >= CONFIRMED_AFTER}


def _silent_since(run_id: UUID, now: datetime) -> datetime:
    """When the run was first found silent; forgotten when it is not looked at for a while."""
    key = f"silent-run:{run_id}"
    since: datetime = cache.get_or_set(key, now, timeout=None) or now
    cache.touch(key, timeout=2 * CONFIRMED_AFTER.total_seconds())
    return since


def _see_workers(pool: Pool, workers: Sequence[Worker]) -> None:
    for worker in workers:
        seen = {"is_online": worker.is_online, "last_heartbeat_at": worker.last_heartbeat_at}
        WorkerSeen.objects.update_or_create(pool=pool, name=worker.name, defaults=seen)
    gone = WorkerSeen.objects.filter(pool=pool).exclude(name__in=[one.name for one in workers])
    gone.update(is_online=False)
