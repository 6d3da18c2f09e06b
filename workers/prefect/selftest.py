"""Whether Prefect's scheduler plans runs at all.

With an unsuitable library beside it the server looks healthy and silently plans none.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from engine.plan import Schedule
from workers.prefect.gateway import Deployment, DeploymentSpec, Gateway, GatewayError

TAG = "flowadmin-selftest"


class SchedulerSilent(GatewayError):
    """Prefect's scheduler plans no runs."""


def check_scheduler(gateway: Gateway, pool: str, timeout_seconds: float = 15) -> float:
    """Seconds until a new active schedule had runs; leaves nothing behind.

    ``pool`` exists in Prefect. Raises ``SchedulerSilent`` after ``timeout_seconds``.
    """
    deployment = gateway.upsert_deployment(_daily(pool))
    began = time.monotonic()
    try:
        # Made paused and then let go, so that the scheduler itself has to find it.
        gateway.set_deployment_paused(deployment.id, False)
        _await_runs(gateway, deployment, timeout_seconds)
        return time.monotonic() - began
    finally:
        gateway.delete_deployment(deployment.id)


def _await_runs(gateway: Gateway, deployment: Deployment, timeout_seconds: float) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not any(r.deployment_id == deployment.id for r in gateway.runs(tag=TAG)):
        if time.monotonic() > deadline:
            raise SchedulerSilent(
                f"Prefect's scheduler planned no run within {timeout_seconds:g} s; expected some "
                "of a daily schedule; install the pinned requirements and start it again"
            )
        time.sleep(0.25)


def _daily(pool: str) -> DeploymentSpec:
    """A deployment due every day, next half a day from now."""
    far = datetime.now(UTC) + timedelta(hours=12)
    schedule = Schedule(slug="daily", cron=f"{far.minute} {far.hour} * * *")
    return DeploymentSpec(
        name=TAG, pool=pool, parameters={}, tags=(TAG,), schedules=(schedule,), is_paused=True
    )
