from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from factories import ScheduleFactory, WorkflowFactory

from workflows.pages.upcoming import next_five, next_start, next_words

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)


def cron(text: str, zone: str = "UTC", **changes):
    return ScheduleFactory.build(workflow=None, cron=text, timezone=zone, **changes)


def test_the_earliest_schedule_is_next():
    schedules = [cron("0 18 * * *"), cron("0 15 * * *")]
    assert next_start(schedules, NOON) == NOON.replace(hour=15)


def test_a_schedule_counts_in_its_own_zone_across_the_change_of_clocks():
    # Paris leaves winter time on 29 March 2026 at 02:00: 03:15 is 01:15 UTC.
    start = next_start([cron("15 3 * * *", "Europe/Paris")], NOON)
    assert start == datetime(2026, 3, 29, 1, 15, tzinfo=UTC)


def test_what_is_over_or_switched_off_does_not_count():
    over = cron("", run_at=NOON - timedelta(hours=1))
    assert next_start([over, cron("0 15 * * *", is_active=False)], NOON) is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ({"cron": "0 3 * * mon#6"}, "cron 0 3 * * mon#6"),
        ({"cron": "", "run_at": datetime(2020, 1, 1, tzinfo=UTC)}, "on demand"),
    ],
)
def test_without_a_known_start_the_rule_is_said(schedule, words):
    assert next_words(ScheduleFactory(**schedule).workflow) == words


@pytest.mark.django_db
def test_a_disabled_workflow_has_no_next_run():
    workflow = WorkflowFactory(is_enabled=False)
    ScheduleFactory(workflow=workflow)
    assert next_words(workflow) == "\u2013"


def test_an_interval_counts_from_the_origin_that_prefect_is_told():
    every = cron("", interval=timedelta(minutes=20))
    starts = next_five(every, NOON)
    assert starts[0] == datetime(2026, 3, 28, 12, 20, tzinfo=UTC)
    assert starts[1] - starts[0] == timedelta(minutes=20)


def test_an_interval_of_days_keeps_the_clock_on_the_wall():
    daily = cron("", zone="Europe/Paris", interval=timedelta(days=1))
    starts = next_five(daily, NOON)
    assert [at.hour for at in starts] == [0] * 5
    assert [at.astimezone(UTC).hour for at in starts[:3]] == [23, 22, 22]
