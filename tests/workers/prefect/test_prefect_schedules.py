"""Schedules on a real server: what is planned, and that the scheduler plans at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.plan import Schedule
from workers.prefect.client import HttpGateway
from workers.prefect.gateway import Deployment
from workers.prefect.memory import InMemoryGateway
from workers.prefect.selftest import TAG, SchedulerSilent, check_scheduler

Deploy = Callable[..., Deployment]


@pytest.fixture
def gateway(http_gateway: HttpGateway) -> HttpGateway:
    return http_gateway


@pytest.fixture
def planned(gateway: HttpGateway, pool: str, deploy: Deploy) -> Callable[..., list[datetime]]:
    """Deploys with these schedules; when its planned runs are due."""

    def plan(*schedules: Schedule, is_paused: bool = False) -> list[datetime]:
        deploy(schedules=schedules, is_paused=is_paused)
        runs = gateway.runs(tag=f"workflow:{pool}")
        assert all(run.is_scheduled for run in runs)
        return sorted(run.expected_at for run in runs if run.expected_at)

    return plan


def test_cron_is_read_in_its_time_zone(planned: Callable[..., list[datetime]]) -> None:
    due = planned(Schedule(slug="nightly", cron="30 3 * * *", timezone="Asia/Kolkata"))

    local = [moment.astimezone(ZoneInfo("Asia/Kolkata")) for moment in due]
    assert len(due) >= 3
    assert {(moment.hour, moment.minute) for moment in local} == {(3, 30)}


def test_an_interval_keeps_its_beat_when_registered_again(
    planned: Callable[..., list[datetime]],
) -> None:
    schedule = Schedule(slug="often", interval_seconds=3600, timezone="Europe/Paris")

    first = planned(schedule)

    assert {(moment.minute, moment.second) for moment in first} == {(0, 0)}
    assert planned(schedule) == first


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_one_moment_is_planned_once(planned: Callable[..., list[datetime]], zone: str) -> None:
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=3)
    local = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)

    assert planned(Schedule(slug="once", run_at=local, timezone=zone)) == [moment]


def test_a_moment_gone_by_is_not_planned(planned: Callable[..., list[datetime]]) -> None:
    gone = datetime.now(UTC) - timedelta(minutes=1)

    assert planned(Schedule(slug="once", run_at=gone)) == []


def test_what_old_schedules_planned_is_gone(planned: Callable[..., list[datetime]]) -> None:
    assert planned(Schedule(slug="a", cron="0 5 * * *"))

    assert {moment.hour for moment in planned(Schedule(slug="b", cron="0 6 * * *"))} == {6}
    assert planned() == []


def test_what_is_paused_plans_nothing(planned: Callable[..., list[datetime]]) -> None:
    schedule = Schedule(slug="a", cron="0 5 * * *")

    assert planned(schedule, is_paused=True) == []
    assert planned(schedule.model_copy(update={"is_active": False})) == []


def test_the_scheduler_of_a_real_server_plans_runs(gateway: HttpGateway, pool: str) -> None:
    assert check_scheduler(gateway, pool) < 15
    assert gateway.find_deployments(TAG) == []


def test_a_scheduler_that_plans_nothing_is_found_out() -> None:
    silent = InMemoryGateway()
    silent.ensure_pool("pool", concurrency_limit=1, is_paused=False)

    with pytest.raises(SchedulerSilent, match="planned no run"):
        check_scheduler(silent, "pool", timeout_seconds=0.3)
    assert silent.deployments == {}
